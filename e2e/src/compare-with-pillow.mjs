// Says of which files of a folder Pillow thinks otherwise than image-stream: those that one of them takes and the other
// does not, and those with other dimensions or frames. docs/image-formats.md says which differences are meant.
//
//   node e2e/src/compare-with-pillow.mjs <folder> [cuts]
//
// With a number of cuts, each file that both take is also cut off at so many places by chance: a cut that is taken must show
// the pixels of the whole file. It needs a build, and python3 with Pillow. It exits with 1 if anything differs.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { byteSource } from '@image-stream/codec';
import { fileSource, inspectImage } from '@image-stream/image-io';

const [folder, cutsOfEach = '0'] = process.argv.slice(2);
if (folder === undefined) {
  throw new Error('name a folder with images');
}
const python = spawn('python3', [fileURLToPath(new URL('pillow-verdicts.py', import.meta.url))], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
const temporary = await mkdtemp(join(tmpdir(), 'compare-with-pillow-'));
const counts = { files: 0, taken: 0, differ: 0, cuts: 0, 'cuts taken': 0, 'cuts taken with other pixels': 0 };

for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  if (entry.isFile()) {
    await compare(join(entry.parentPath, entry.name));
  }
}
python.stdin.end();
await rm(temporary, { recursive: true });
console.log(counts);
process.exitCode = counts.differ + counts['cuts taken with other pixels'] > 0 ? 1 : 0;

async function compare(path) {
  counts.files += 1;
  const ours = await ourVerdict(await fileSource(path));
  const pillow = await pillowVerdict(path);
  counts.taken += Number(ours.error === undefined);
  if (told(ours) !== told(pillow) && !(ours.error !== undefined && pillow.error !== undefined)) {
    counts.differ += 1;
    console.log(`${path}\n  image-stream: ${told(ours, true)}\n  Pillow: ${told(pillow, true)}`);
  }
  if (ours.error === undefined && pillow.pixels !== undefined) {
    await compareCuts(path, pillow);
  }
}

async function compareCuts(path, whole) {
  const file = await readFile(path);
  for (let cut = 0; cut < Number(cutsOfEach); cut++) {
    const bytes = file.subarray(0, Math.floor(Math.random() * file.length));
    counts.cuts += 1;
    if ((await ourVerdict(byteSource(bytes))).error === undefined) {
      counts['cuts taken'] += 1;
      const name = join(temporary, 'cut');
      await writeFile(name, bytes);
      const shown = await pillowVerdict(name);
      if (shown.pixels !== whole.pixels) {
        counts['cuts taken with other pixels'] += 1;
        console.log(`${path} is taken when it is cut off after ${bytes.length} of ${file.length} bytes`);
      }
    }
  }
}

async function ourVerdict(source) {
  try {
    const { mediaType, ...size } = await inspectImage(source, { maxImagePixels: Number.MAX_SAFE_INTEGER });
    return { type: mediaType.replace('image/', ''), ...size };
  } catch (error) {
    return { error: error.message };
  }
}

async function pillowVerdict(path) {
  python.stdin.write(`${path}\n`);
  const { value } = await answers.next();
  const verdict = JSON.parse(value);
  return verdict.other === undefined ? verdict : { error: `it is a ${verdict.other} file` };
}

function told({ type, width, height, frames, error }, withReason = false) {
  return error === undefined
    ? `${type}, ${width} x ${height}, ${frames} frames`
    : withReason
      ? error
      : 'refused';
}
