// Makes the screenshots of the gallery in docs/images: a broker, pictures through it, the gallery, a browser.
//
//   node e2e/src/gallery-screenshots.mjs <folder with photos>
//
// Those in docs/images were made with the photos of scikit-image's `data` folder that show no people, all of which are in
// the public domain or CC0; each is cut into several pictures.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startKafka } from '@image-stream/local-kafka';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const [photos] = process.argv.slice(2);
if (photos === undefined) {
  throw new Error('name a folder with photos');
}
const here = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const images = here('docs/images');
const topic = 'field-cameras';
const customers = ['north-station', 'harbour', 'lab-7', 'orchard'];
const patterns = ['mandelbrot', 'rings', 'gradient'];

const home = await mkdtemp(join(tmpdir(), 'image-stream-screenshots-'));
const output = join(home, 'output');
const kafka = await startKafka();
const servers = ['-bs', kafka.bootstrapServers, '-t', topic];
let gallery;
try {
  await mkdir(images, { recursive: true });
  await cutPhotos(join(home, 'photos'));
  for (const pattern of patterns) {
    const size = ['--width', '900', '--height', '900'];
    run('producer', ['-n', '2', '--pattern', pattern, '-cid', 'lab-7', '--seed', pattern, ...size]);
  }
  run('producer', [join(home, 'photos'), '--recursive', '--customer-from-path', '{customer}/**']);
  await sendBadRecords();
  run('consumer', ['--exit-at-end', '-o', output]);

  gallery = spawn(process.execPath, [
    here('apps/gallery/dist/main.js'),
    ...servers,
    '-o',
    output,
    '--port',
    '0',
  ]);
  const url = await urlOf(gallery);
  // What is sent while it is open makes the charts.
  const live = spawn(process.execPath, [
    here('apps/producer/dist/main.js'),
    ...servers,
    ...['-n', '220', '--rate', '5', '--pattern', 'mandelbrot', '-cid', 'lab-7', '--seed', 'live'],
    ...['--width', '320', '--height', '320', '--quiet'],
  ]);
  await takeScreenshots(url, live);
} finally {
  gallery?.kill();
  await kafka.stop();
  await rm(home, { recursive: true, force: true });
}

/** Several pictures of each photo, for one customer after the other. */
async function cutPhotos(folder) {
  const names = (await readdir(photos)).toSorted();
  for (const [index, name] of names.entries()) {
    const photo = sharp(join(photos, name));
    const { width, height } = await photo.metadata();
    const cuts = [
      [0, 0, 1, 1],
      [0.1, 0.1, 0.55, 0.6],
      [0.35, 0.3, 0.6, 0.65],
    ];
    for (const [cut, [left, top, across, down]] of cuts.entries()) {
      const customer = join(folder, customers[(index + cut) % customers.length]);
      await mkdir(customer, { recursive: true });
      const region = {
        left: Math.floor(left * width),
        top: Math.floor(top * height),
        width: Math.floor(across * width),
        height: Math.floor(down * height),
      };
      const picture = photo.clone().extract(region).jpeg({ quality: 90 });
      await picture.toFile(join(customer, `${parse(name).name.replaceAll('_', '-')}-${cut + 1}.jpg`));
    }
  }
}
