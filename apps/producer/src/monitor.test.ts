import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { silentMonitor, startMonitor } from './monitor.ts';

const logger = { debug: () => {}, info: () => {} };

test('the metrics are those that docs/OPERATIONS.md lists, and those of the process', async () => {
  const logged: unknown[] = [];
  const monitor = await startMonitor({
    host: '127.0.0.1',
    port: 0,
    incomplete: () => 0,
    logger: { ...logger, info: (message: unknown) => void logged.push(message) },
  });
  onTestFinished(() => monitor.close());
  const [url] = /http:\S+$/.exec(String(logged[0]))!;
  const text = await (await fetch(`${url}/metrics`)).text();
  const document = readFileSync(new URL('../../../docs/OPERATIONS.md', import.meta.url), 'utf8');
  const ofProducer = document.slice(document.indexOf('### Of a producer'));
  const names = (found: Iterable<RegExpExecArray>): string[] =>
    [...found].map(([, name, type]) => `${name} ${type}`).toSorted();
  const listed = names(ofProducer.matchAll(/^\| `(image_stream_\w+)[^|]*\| (\w+)/gm));
  expect(listed.length).toBeGreaterThan(0);
  expect(names(text.matchAll(/^# TYPE (image_stream_\w+) (\w+)$/gm))).toEqual(listed);
  expect(text).toContain('# TYPE process_resident_memory_bytes gauge\n');
});

test('where there is no port, nothing listens', async () => {
  const monitor = await startMonitor({ host: '127.0.0.1', port: undefined, incomplete: () => 0, logger });
  expect(monitor).toBe(silentMonitor);
});
