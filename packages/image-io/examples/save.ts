import { byteSource } from '@image-stream/codec';
import { generateImage, imagePath, openImageStore, sameBytes, transcode } from '@image-stream/image-io';
import type { SameContent } from '@image-stream/image-io';

const pixels = generateImage({ pattern: 'rings', width: 640, height: 480, seed: 'example', index: 0 });
const png = await transcode(pixels, 'png');

const image = { id: 'rings-1', customerId: 'lab', createdAt: new Date('2026-01-31T12:00:00Z') };
const path = imagePath(image, 'png', 'UTC'); // customer=lab/date=2026-01-31/rings-1.png

const store = await openImageStore('output');
const isSame: SameContent = (existing) => sameBytes(existing, byteSource(png.bytes));
console.log(path, await store.save(path, png.bytes, isSame)); // written; run again: exists
