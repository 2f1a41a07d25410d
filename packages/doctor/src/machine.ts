import { decodePixels, encodings, generateImage, transcode } from '@image-stream/image-io';
import { ok, problem } from '@image-stream/program';
import type { Finding } from '@image-stream/program';

const minimumNode = [20, 19] as const;

/** Whether the programs can run here: Node, and the image library with each encoding. */
export async function checkMachine(): Promise<Finding[]> {
  return [checkNode(process.versions.node), await checkImages()];
}

/** @param version such as `20.19.0` */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor, wantedMinor] = minimumNode;
  const isEnough = major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  const needed = `${minimumNode.join('.')} or later`;
  return isEnough
    ? ok('Node.js', `${version} on ${process.platform} ${process.arch}`)
    : problem('Node.js', `${version}, but ${needed} is needed`, `install Node.js ${needed}`);
}

/** Writes a small image in each encoding, and reads it back. */
async function checkImages(): Promise<Finding> {
  const pixels = generateImage({ pattern: 'gradient', width: 16, height: 16, seed: 'doctor', index: 0 });
  const failures: string[] = [];
  for (const encoding of encodings) {
    try {
      await decodePixels(await transcode(pixels, encoding));
    } catch (error) {
      failures.push(`${encoding}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  return failures.length === 0
    ? ok('images', `reads and writes ${encodings.join(', ')}`)
    : problem(
        'images',
        failures.join('; '),
        'install the image library for this system: npm install sharp, or pnpm install again',
      );
}
