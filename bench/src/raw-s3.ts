// Puts files into an object store as fast as the client can, from memory, each under a key of its own.
//
//   node raw-s3.js <requests at once> <count> <folder> s3://<bucket>/<prefix>
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

const [requests, count, folder, location] = process.argv.slice(2) as [string, string, string, string];
const [, bucket, prefix] = /^s3:\/\/([^/]+)\/(.+)$/.exec(location) as unknown as [string, string, string];
const client = new S3Client({
  endpoint: process.env['AWS_ENDPOINT_URL_S3']!,
  forcePathStyle: true,
  requestHandler: { httpAgent: { keepAlive: true, maxSockets: Number(requests) } },
});
const names = readdirSync(folder).toSorted().slice(0, Number(count));
// The corpus has twelve pictures under many names.
const pictures = names.slice(0, 12).map((name) => readFileSync(join(folder, name)));
let next = 0;
await Promise.all(
  Array.from({ length: Number(requests) }, async () => {
    while (next < names.length) {
      const index = next;
      next += 1;
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: `${prefix}/customer=bench/date=2026-01-01/${names[index]}`,
          Body: pictures[index % pictures.length]!,
          ContentType: 'image/jpeg',
          IfNoneMatch: '*',
        }),
      );
    }
  }),
);
client.destroy();
