// A producer of your own: sends pixels that it makes, and says when each image is acknowledged.
//
//   node examples/producer.js data-stream 10
import { send } from '@image-stream/cli';

const [topic = 'data-stream', count = '10'] = process.argv.slice(2);
const [height, width] = [480, 640];

/** Pictures of a bar that moves to the right. An image is asked for when there is room for it. */
async function* frames() {
  for (let frame = 0; frame < Number(count); frame++) {
    const data = new Uint8Array(height * width).map((_, index) => (index % width <= frame * 10 ? 255 : 0));
    yield { customerId: 'example', content: { shape: [height, width], dtype: 'uint8', data } };
  }
}

const { images } = await send(frames(), {
  topic,
  encoding: 'png',
  properties: { acks: 'all' },
  onSent: (_image, id) => console.log('sent', id),
});
console.log(`${images} images`);
