// Loaded into a program with --import: its calls of node:fs/promises below FAULT_FOLDER go wrong, as one of these says.
//   FAULT_KILL_AT     the process is killed at the call of this number, counted from 1; a write is cut in half
//   FAULT_LINK_DELAY  milliseconds that each link to a final name takes longer
//   FAULT_LINK_BUG    each of these throws a TypeError with this message
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const { FAULT_FOLDER, FAULT_KILL_AT, FAULT_LINK_DELAY, FAULT_LINK_BUG } = process.env;
const paths = new WeakMap();
let calls = 0;

/** Killed as by the machine: no handler runs, nothing is flushed. */
function step(path) {
  if (String(path).startsWith(FAULT_FOLDER)) {
    calls += 1;
    return calls === Number(FAULT_KILL_AT);
  }
  return false;
}

function die() {
  process.kill(process.pid, 'SIGKILL');
}

for (const name of ['open', 'mkdir', 'link', 'rename', 'rm', 'unlink', 'appendFile']) {
  const original = fs[name];
  fs[name] = async (path, ...rest) => {
    if (step(path)) {
      die();
    }
    if (name === 'link' && String(rest[0]).startsWith(`${FAULT_FOLDER}/customer=`)) {
      await sleep(Number(FAULT_LINK_DELAY ?? 0));
      if (FAULT_LINK_BUG !== undefined) {
        throw new TypeError(FAULT_LINK_BUG);
      }
    }
    const result = await original(path, ...rest);
    if (name === 'open') {
      paths.set(result, path);
    }
    return result;
  };
}

// A handle's `close` is its own, and changes nothing on disk.
const handle = await fs.open(fileURLToPath(import.meta.url));
const prototype = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ['write', 'writeFile', 'sync', 'datasync']) {
  const original = prototype[name];
  prototype[name] = async function faulty(bytes, ...rest) {
    if (step(paths.get(this))) {
      if (name.startsWith('write')) {
        await original.call(this, bytes.subarray(0, bytes.length / 2));
      }
      die();
    }
    return original.call(this, bytes, ...rest);
  };
}

syncBuiltinESMExports();
