import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parse } from 'yaml';
import { temporaryFolder } from './files.test-support.ts';
import { createTopic, send } from './kafka.test-support.ts';
import { start, succeed } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] };
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

const read = (file: string): string =>
  readFileSync(new URL(`../../deploy/monitoring/${file}`, import.meta.url), 'utf8');
const dashboard = JSON.parse(read('dashboard.json')) as Dashboard;
const rules = parse(read('alerts.yaml')) as Rules;

/** Every query, with what it is for. Grafana puts durations and names of jobs in the place of its variables. */
const queries = [
  ...rules.groups.flatMap((group) => group.rules.map(({ alert, expr }) => [alert, expr] as const)),
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => [title, expr.replaceAll(/\$__(rate_interval|range)/g, '5m')] as const),
  ),
];

/** What Prometheus itself adds to every sample, and to the buckets of a histogram. */
const labelsOfPrometheus = ['job', 'instance', 'le'];

test.each(queries)('%s: %s is PromQL', (_name, query) => {
  expect(query).not.toContain('$__');
  expect(nodesOf(query, '⚠')).toEqual([]);
});

test('a query that is no PromQL would be found', () => {
  expect(nodesOf('sum(image_stream_stalled', '⚠')).toHaveLength(1);
});

test('every metric and label in a query is one that the programs export', async () => {
  const exported = await exportedLabels();
  const variables = dashboard.templating.list
    .map(({ query }) => (typeof query === 'string' ? query : query.query))
    .flatMap((query) => /^label_values\((\w+), job\)$/.exec(query)?.[1] ?? []);
  const used = [...queries.flatMap(([, query]) => nodesOf(query, 'Identifier')), ...variables];
  const labels = queries.flatMap(([, query]) => nodesOf(query, 'LabelName'));

  expect(variables).toHaveLength(2);
  expect(used.filter((name) => name !== 'up' && !exported.has(name))).toEqual([]);
  const known = new Set([...labelsOfPrometheus, ...[...exported.values()].flat()]);
  expect(labels.filter((label) => !known.has(label))).toEqual([]);
});

/** The labels of every metric that the programs export, once there was something to count. */
async function exportedLabels(): Promise<Map<string, string[]>> {
  const topic = await createTopic();
  await succeed('producer', ['-n', '1', '-t', topic, '--width', '16', '--height', '16']);
  await send(topic, { key: 'bad', value: 'no image' });
  const consumer = started('consumer', ['-t', topic, '-gid', topic, '-o', temporaryFolder()]);
  const gallery = started('gallery', ['-t', topic, '--port', '0']);
  const page = await urlIn(gallery, / are on (http:\/\/[^/\s]+)/);
  const producer = started('producer', [temporaryFolder(), '--watch', '-t', topic]);
  const addresses = await Promise.all(
    [consumer, gallery, producer].map((program) => urlIn(program, metricsUrl)),
  );
  expect((await fetch(`${page}/nowhere`)).status).toBe(404);
  const text = await vi.waitUntil(
    async () => {
      const all = await Promise.all(addresses.map(async (url) => (await fetch(`${url}/metrics`)).text()));
      const isComplete = ['reason="', 'partition="', 'status="'].every((label) =>
        all.join('').includes(label),
      );
      return isComplete ? all.join('\n') : undefined;
    },
    { timeout: 50_000, interval: 100 },
  );
  const exported = new Map<string, string[]>();
  for (const [, name, labels = ''] of text.matchAll(/^([a-z]\w*)(?:\{(.*)\})? /gm)) {
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label!);
    exported.set(name!, [...(exported.get(name!) ?? []), ...names]);
  }
  return exported;
}

const metricsUrl = /metrics on (http:\S+)/;

function started(program: 'consumer' | 'gallery' | 'producer', args: readonly string[]): Running {
  const running = start(program, [...args, '--metrics-port', '0']);
  onTestFinished(async () => {
    running.process.kill('SIGTERM');
    await running.ended;
  });
  return running;
}

async function urlIn(running: Running, pattern: RegExp): Promise<string> {
  const [, url] = await vi.waitUntil(() => pattern.exec(running.log()), { timeout: 50_000 });
  return url!;
}

/** The parts of a query that are of one kind; those of the kind ⚠ are errors. */
function nodesOf(query: string, kind: string): string[] {
  const texts: string[] = [];
  parser.parse(query).iterate({
    enter: ({ name, from, to }) => {
      if (name === kind) {
        texts.push(query.slice(from, to));
      }
    },
  });
  return texts;
}
