// A consumer of your own: prints the images that come, until Ctrl-C.
//
//   node examples/consumer.js data-stream
import { isPixelArray, receive } from '@image-stream/cli';

const [topic = 'data-stream'] = process.argv.slice(2);
const stopping = new AbortController();
process.once('SIGINT', () => stopping.abort());

for await (const image of receive({ topic, group: `${topic}-example`, signal: stopping.signal })) {
  const { customerId, id, content } = image;
  const what = isPixelArray(content) ? `pixels of ${content.shape.join(' x ')}` : content.mediaType;
  console.log(customerId, id, what);
}
