import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { run } from './programs.test-support.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const weakness = {
  ...{ severity: 'high', module_name: 'a-package', vulnerable_versions: '<2' },
  ...{ title: 'Opens doors', url: 'https://example.org/1', findings: [] },
};
// pnpm counts on this.
const metadata = { vulnerabilities: { info: 0, low: 0, moderate: 0, high: 0, critical: 0 } };

test.each([
  ['knows of no weakness', 200, { advisories: {}, metadata }, 0, /^0 known weaknesses\n$/],
  [
    'knows of one',
    200,
    { advisories: { 1: weakness }, metadata },
    1,
    /^high: a-package <2: Opens doors .*\n1 known/,
  ],
  ['does not answer that', 405, {}, 3, /^audit: the registry does not answer [^\n]*405[^\n]*\n$/],
])('a registry that %s gives exit code', async (_case, status, answer, code, output) => {
  const registry = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  onTestFinished(() => void registry.close());
  await new Promise<void>((resolve) => {
    registry.listen(0, '127.0.0.1', resolve);
  });
  const address = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;

  const audit = run(process.execPath, ['scripts/audit.mjs'], { npm_config_registry: address }, root);
  const { exitCode, stdout, stderr } = await audit.ended;

  expect({ exitCode, stderr }).toMatchObject({ exitCode: code });
  expect(stdout + stderr).toMatch(output);
});
