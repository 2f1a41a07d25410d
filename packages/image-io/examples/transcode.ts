import { writeFile } from 'node:fs/promises';
import { byteSource } from '@image-stream/codec';
import { generateImage, inspectImage, transcode } from '@image-stream/image-io';

const pixels = generateImage({ pattern: 'rings', width: 640, height: 480, seed: 'example', index: 0 });
const png = await transcode(pixels, 'png');
await writeFile('rings-1.png', png.bytes);

console.log(await inspectImage(byteSource(png.bytes))); // { mediaType: 'image/png', width: 640, height: 480, frames: 1 }
