// Makes the screenshots of the gallery in docs/images: a broker, pictures through it, the gallery, a browser.
//
//   node e2e/src/gallery-screenshots.mjs <folder with photos>
//
// Those in docs/images were made with the photos of scikit-image's `data` folder that show no people, all of which are in
// the public domain or CC0; each is cut into several pictures.
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startKafka } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const [photos] = process.argv.slice(2);
if (photos === undefined) {
  throw new Error('name a folder with photos');
}
const here = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const mainOf = (program) => here(`apps/${program}/dist/main.js`);
const topic = 'field-cameras';
const customers = ['north-station', 'harbour', 'lab-7', 'orchard'];

const home = await mkdtemp(join(tmpdir(), 'image-stream-screenshots-'));
const output = join(home, 'output');
const kafka = await startKafka();
const servers = ['-bs', kafka.bootstrapServers, '-t', topic];
const started = [];
try {
  const cuts = await cutPhotos(join(home, 'photos'));
  for (const pattern of ['mandelbrot', 'rings', 'gradient']) {
    const size = ['--width', '1200', '--height', '1200'];
    run('producer', ['-n', '2', '--pattern', pattern, '-cid', 'lab-7', '--seed', pattern, ...size]);
  }
  await sendBadRecords(cuts);
  const url = await urlOf(start('gallery', ['-o', output, '--port', '0']));
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium' });
  // What comes while it is open makes the charts.
  start('consumer', ['-o', output, '--quiet']);
  const first = await open(browser, url, { colorScheme: 'light' });
  for (const folder of ['parts', 'whole']) {
    const path = join(home, 'photos', folder);
    run('producer', [path, '--recursive', '--customer-from-path', '(?<customer>[^/]+)/', '--rate', '1.2']);
  }
  await screenshot(first, 'gallery-light');
  const phone = {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  };
  for (const [name, options] of [
    ['gallery-dark', { colorScheme: 'dark' }],
    ['gallery-phone', { colorScheme: 'light', ...phone }],
  ]) {
    await screenshot(await open(browser, url, options), name);
  }
  await first.locator('#grid button', { hasText: 'hubble-deep-field-1.jpg' }).first().click();
  await first.waitForFunction(() => document.getElementById('viewer-image').naturalWidth > 0);
  await first.getByText('ce_payloadsha256').waitFor();
  await screenshot(first, 'gallery-image');
  await browser.close();
} finally {
  for (const child of started) {
    child.kill();
  }
  await kafka.stop();
  await rm(home, { recursive: true, force: true });
}

async function open(browser, url, options) {
  const viewport = { width: 1280, height: 800 };
  const context = await browser.newContext({ viewport, locale: 'en-GB', ...options });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => document.querySelectorAll('#grid img').length > 5);
  return page;
}

/** Once every picture in sight is there. */
async function screenshot(page, name) {
  await page.waitForFunction(() =>
    [...document.querySelectorAll('#grid img')]
      .filter((image) => image.getBoundingClientRect().top < innerHeight)
      .every((image) => image.naturalWidth > 0),
  );
  await page.waitForTimeout(1000);
  const shot = await page.screenshot();
  // Fewer colours, and the file is a third of its size.
  await sharp(shot)
    .png({ palette: true, quality: 85, effort: 10 })
    .toFile(here(`docs/images/${name}.png`));
}

function start(program, args) {
  const child = spawn(process.execPath, [mainOf(program), ...servers, ...args]);
  started.push(child);
  return child;
}

function run(program, args) {
  const command = [mainOf(program), ...servers, '--quiet', ...args];
  const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`${program} ended with exit code ${status}: ${stderr}`);
  }
}

/** Where a gallery says that it is. */
function urlOf(gallery) {
  let log = '';
  return new Promise((resolve, reject) => {
    gallery.once('close', () => reject(new Error(log)));
    gallery.stderr.on('data', (chunk) => {
      process.stderr.write(chunk);
      log += chunk;
      const [url] = /http:\/\/\S+/.exec(log) ?? [];
      if (url !== undefined) {
        resolve(url);
      }
    });
  });
}

/** A picture that is cut off, and two of one id. */
async function sendBadRecords([one, other]) {
  const producer = new kafkajs.Kafka({ brokers: [kafka.bootstrapServers] }).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const record = (id, value) => ({
    key: id,
    value,
    headers: {
      ce_specversion: '1.0',
      ce_type: 'picture',
      ce_source: '/camera',
      ce_id: id,
      ce_customerid: 'harbour',
    },
  });
  const [first, second] = [await readFile(one), await readFile(other)];
  const messages = [
    record('gate-0417', first),
    record('gate-0417', second),
    record('gate-0418', first.subarray(0, first.length / 2)),
  ];
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** Several pictures of each photo, for one customer after the other; the whole photos are to come last. */
async function cutPhotos(folder) {
  const files = [];
  const names = (await readdir(photos)).toSorted();
  for (const [cut, [left, top, across, down]] of [
    [0, 0, 1, 1],
    [0.1, 0.1, 0.55, 0.6],
    [0.35, 0.3, 0.6, 0.65],
  ].entries()) {
    for (const [index, name] of names.entries()) {
      const photo = sharp(join(photos, name));
      const { width, height } = await photo.metadata();
      const customer = join(
        folder,
        cut === 0 ? 'whole' : 'parts',
        customers[(index + cut) % customers.length],
      );
      await mkdir(customer, { recursive: true });
      const region = {
        left: Math.floor(left * width),
        top: Math.floor(top * height),
        width: Math.floor(across * width),
        height: Math.floor(down * height),
      };
      const file = join(customer, `${parse(name).name.replaceAll('_', '-')}-${cut + 1}.jpg`);
      await photo.extract(region).jpeg({ quality: 90 }).toFile(file);
      files.push(file);
    }
  }
  return files;
}
