import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { encodeNpy } from '@image-stream/codec';
import { afterEach, expect, test, vi } from 'vitest';
import { give, png, sha256, tarEnd, tarMember, temporaryFolder } from './archive.test-support.ts';

afterEach(() => void vi.unstubAllEnvs());

const has = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
const hasGnuTar = String(spawnSync('tar', ['--version']).stdout).includes('GNU tar');
const hasZip = has('zip', '-v');
const hasPython = has('python3', '--version');

const long = `${'deep/'.repeat(30)}${'n'.repeat(120)}.png`;
const pictures: Readonly<Record<string, Buffer>> = {
  'a.png': png(1),
  'sub/b.png': png(2),
  'sub/with a dot.2024-01-01.png': png(3),
  'sub/café 写真.png': png(4),
};

/** A folder of files, and `pack` to run a command in it. */
async function folderOf(files: Readonly<Record<string, Buffer | string>>) {
  const folder = await temporaryFolder();
  const inside = join(folder, 'in');
  mkdirSync(inside);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(inside, name)), { recursive: true });
    writeFileSync(join(inside, name), content);
    utimesSync(join(inside, name), 1_700_000_000, 1_700_000_000);
  }
  return {
    folder,
    inside,
    pack: (command: string, args: readonly string[]) =>
      execFileSync(command, args, { cwd: inside, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1e9 }),
    python: (script: string) =>
      execFileSync('python3', ['-c', script], { cwd: inside, stdio: ['ignore', 'pipe', 'inherit'] }),
  };
}

/** An archive of the bytes that are given. */
async function giveBytes(parts: readonly Buffer[], name = 'a.tar', settings = {}) {
  const folder = await temporaryFolder();
  writeFileSync(join(folder, name), Buffer.concat(parts));
  return give([name], { cwd: folder, ...settings });
}

const hashes = (files: Readonly<Record<string, Buffer>>) => Object.values(files).map(sha256).toSorted();

test.skipIf(!hasGnuTar).each(['v7', 'ustar', 'oldgnu', 'gnu', 'posix'])(
  'what GNU tar packs as %s comes out as it went in, also with gzip',
  async (format) => {
    const hasLongNames = format !== 'v7' && format !== 'ustar';
    const files = { ...pictures, ...(hasLongNames && { [long]: png(5) }) };
    const { folder, pack } = await folderOf(files);
    pack('tar', ['-c', '-f', '../a.tar', `--format=${format}`, '--sort=name', '.']);
    pack('tar', ['-c', '-z', '-f', '../b.tgz', `--format=${format}`, '--sort=name', '.']);
    for (const archive of ['a.tar', 'b.tgz']) {
      const { images, refused, warnings } = await give([archive], { cwd: folder });
      expect({ refused, warnings }).toEqual({ refused: [], warnings: [] });
      expect(Object.fromEntries(images.map(({ name, sha256: hash }) => [name, hash]))).toEqual(
        Object.fromEntries(
          Object.entries(files).map(([name, bytes]) => [`${archive}: ${name}`, sha256(bytes)]),
        ),
      );
      expect(new Set(images.map(({ createdAt }) => createdAt))).toEqual(
        new Set(['2023-11-14T22:13:20.000Z']),
      );
    }
  },
);

const pythonTar = (format: string) => `
import tarfile
with tarfile.open('../a.tar', 'w', format=tarfile.${format}) as tar:
    for name in ${JSON.stringify(Object.keys(pictures))} + [${JSON.stringify(long)}]:
        info = tar.gettarinfo(name)
        info.mtime = 1700000000.25
        info.uid = 3000000
        info.pax_headers = {'comment': 'two\\nlines'} if '${format}' == 'PAX_FORMAT' else {}
        with open(name, 'rb') as file:
            tar.addfile(info, file)
`;

test.skipIf(!hasPython).each([
  ['GNU_FORMAT', '2023-11-14T22:13:20.000Z'],
  ['PAX_FORMAT', '2023-11-14T22:13:20.250Z'],
])("what Python's tarfile packs as %s", async (format, createdAt) => {
  const { folder, python } = await folderOf({ ...pictures, [long]: png(5) });
  python(pythonTar(format));
  const { images, refused } = await give(['a.tar'], { cwd: folder });
  expect(refused).toEqual([]);
  expect(images.map(({ sha256: hash }) => hash).toSorted()).toEqual(hashes({ ...pictures, [long]: png(5) }));
  expect(new Set(images.map((image) => image.createdAt))).toEqual(new Set([createdAt]));
});

test.skipIf(!hasZip).each([
  ['stored', ['-0']],
  ['deflated', ['-9']],
  ['ZIP64', ['-fz', '-9']],
  ['ZIP64, stored', ['-fz', '-0']],
  ['with data descriptors', ['-fd', '-9']],
])('what Info-ZIP packs, %s', async (_how, args) => {
  const { folder, pack } = await folderOf(pictures);
  pack('zip', ['-q', '-r', ...args, '../a.zip', '.']);
  const { images, refused, warnings } = await give(['a.zip'], { cwd: folder });
  expect({ refused, warnings }).toEqual({ refused: [], warnings: [] });
  expect(Object.fromEntries(images.map(({ name, sha256: hash }) => [name, hash]))).toEqual(
    Object.fromEntries(Object.entries(pictures).map(([name, bytes]) => [`a.zip: ${name}`, sha256(bytes)])),
  );
  expect(new Set(images.map(({ createdAt }) => createdAt))).toEqual(new Set(['2023-11-14T22:13:20.000Z']));
});

test.skipIf(!hasZip)('what Info-ZIP writes into a pipe, encrypted, and as links', async () => {
  const { folder, inside, pack } = await folderOf({ 'a.png': png(1) });
  writeFileSync(join(folder, 'piped.zip'), pack('sh', ['-c', 'zip -q - a.png | cat']));
  pack('zip', ['-q', '-P', 'secret', '../encrypted.zip', 'a.png']);
  symlinkSync('a.png', join(inside, 'link.png'));
  pack('zip', ['-q', '-y', '../links.zip', 'a.png', 'link.png']);

  expect(await give(['piped.zip'], { cwd: folder })).toMatchObject({
    images: [{ sha256: sha256(png(1)) }],
    refused: [],
  });
  expect(await give(['encrypted.zip'], { cwd: folder })).toMatchObject({
    images: [],
    refused: ['encrypted.zip: a.png: is encrypted, which is not read; unpack it with its password'],
  });
  expect(await give(['links.zip'], { cwd: folder })).toMatchObject({
    images: [{ sha256: sha256(png(1)) }],
    warnings: [expect.stringContaining('links.zip: 1 link left out')],
  });
});

const pythonZip = `
import zipfile
pictures = [open(name, 'rb').read() for name in ('a.png', 'b.png')]
with zipfile.ZipFile('../a.zip', 'w') as archive:
    archive.writestr(zipfile.ZipInfo('caf\\u00e9.png', (2024, 2, 29, 12, 0, 0)), pictures[0])
    archive.writestr('__MACOSX/._a.png', b'resource fork')
    archive.writestr('sub/._b.png', b'resource fork')
    archive.writestr('.DS_Store', b'folder')
    archive.writestr('../../etc/b.png', pictures[1])
    archive.writestr('x.png', pictures[0], zipfile.ZIP_BZIP2)
    archive.writestr('empty.png', b'')
# The archive that others write: without the mark of UTF-8, names are CP437.
data = open('../a.zip', 'rb').read()
name, plain = 'caf\\u00e9.png'.encode(), 'caf\\u00e9.png'.encode('cp437')
with zipfile.ZipFile('../cp437.zip', 'w') as archive:
    archive.writestr('cafX.png', pictures[0])
data = open('../cp437.zip', 'rb').read().replace(b'cafX.png', plain)
open('../cp437.zip', 'wb').write(data)
`;

test.skipIf(!hasPython)("what Python's zipfile writes: names, times, methods", async () => {
  const { folder, python } = await folderOf({ 'a.png': png(1), 'b.png': png(2) });
  python(pythonZip);
  const given = await give(['a.zip'], { cwd: folder });
  expect(given.images).toMatchObject([
    { name: 'a.zip: café.png', filename: 'café.png', createdAt: '2024-02-29T12:00:00.000Z' },
    { name: 'a.zip: ../../etc/b.png', filename: 'b.png', sha256: sha256(png(2)) },
  ]);
  expect(given.refused).toEqual([
    'a.zip: x.png: is compressed with bzip2; only stored and deflated members are read',
    'a.zip: empty.png: file is empty',
  ]);
  expect((await give(['cp437.zip'], { cwd: folder })).images).toMatchObject([{ filename: 'café.png' }]);
});

const ours = (bytes: Buffer, members: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      id: 'scan 7/é',
      customer: 'lab-7',
      createdAt: '2024-02-29T12:34:56.789Z',
      mediaType: 'image/png',
      width: 6,
      height: 6,
      sha256: sha256(bytes),
      topic: 'scans',
      partition: 0,
      offset: 17,
      headers: { ce_filename: 'DSC_0007.png', empty: null },
      ...members,
    }),
  );
const ourImage = {
  id: 'scan 7/é',
  customer: 'lab-7',
  createdAt: '2024-02-29T12:34:56.789Z',
  filename: 'DSC_0007.png',
};

test.each([
  ['image first', [tarMember('k.png', png(1)), tarMember('k.json', ours(png(1)))]],
  ['json first', [tarMember('k.json', ours(png(1))), tarMember('k.png', png(1))]],
])('a sample of the consumer, %s, is the image that it was', async (_order, members) => {
  const other = tarMember('l.png', png(2));
  const plain = await giveBytes([...members, other, tarEnd]);
  expect(plain).toMatchObject({
    refused: [],
    warnings: [],
    images: [{ ...ourImage, sha256: sha256(png(1)) }, { filename: 'l.png' }],
  });
  expect(plain.images[1]).toMatchObject({ customer: 'default', createdAt: '2023-11-14T22:09:04.000Z' });
  const zipped = await giveBytes([gzipSync(Buffer.concat([...members, other, tarEnd]))], 'a.tar.gz');
  expect(zipped.images[0]).toEqual({ ...plain.images[0]!, name: 'a.tar.gz: k.png' });
});

test('what the command line says of the customer counts more than the json; null is none', async () => {
  const sample = [tarMember('k.png', png(1)), tarMember('k.json', ours(png(1))), tarEnd];
  const byPath = await giveBytes(sample, 'a.tar', { customerOf: (path: string) => path });
  expect(byPath.images).toMatchObject([{ ...ourImage, customer: 'a.tar/k.png' }]);
  const none = [tarMember('k.png', png(1)), tarMember('k.json', ours(png(1), { customer: null })), tarEnd];
  expect((await giveBytes(none)).images).toMatchObject([{ ...ourImage, customer: 'default' }]);
});

test('an image that was re-encoded keeps its id, and that is said once', async () => {
  const given = await giveBytes([
    ...[tarMember('k.png', png(1)), tarMember('k.json', ours(png(9)))],
    ...[tarMember('l.png', png(2)), tarMember('l.json', ours(png(9), { id: 'other' })), tarEnd],
  ]);
  expect(given.images).toMatchObject([{ ...ourImage, sha256: sha256(png(1)) }, { id: 'other' }]);
  expect(given.warnings).toEqual([
    expect.stringContaining('k.png, and maybe others, does not have the SHA-256 in its json'),
  ]);
});

test('of several images, the json is about the one whose SHA-256 it has', async () => {
  const given = await giveBytes([
    ...[
      tarMember('k.left.png', png(1)),
      tarMember('k.json', ours(png(2))),
      tarMember('k.right.png', png(2)),
      tarEnd,
    ],
  ]);
  expect(given.images).toMatchObject([{ filename: 'k.left.png' }, ourImage]);
});

test.each([
  '{"caption":"a cat","url":"http://a/b.jpg","key":"0001","id":7}',
  '{"id":"a","createdAt":1700000000,"sha256":"x","mediaType":"image/png"}',
  '{"id":"","createdAt":"2024-02-29T12:34:56.789Z","sha256":"' +
    '0'.repeat(64) +
    '","mediaType":"image/png"}',
  '{"id":"a","createdAt":"2024-02-31T99:00:00Z","sha256":"' + '0'.repeat(64) + '","mediaType":"image/png"}',
  '[1,2]',
  'null',
  '"text"',
  '{"cut',
  '',
])('the json of others, %s, says nothing of an image', async (json) => {
  const given = await giveBytes([
    ...[tarMember('0001.png', png(1)), tarMember('0001.cls', Buffer.from('3'))],
    ...[tarMember('0001.json', Buffer.from(json)), tarMember('0001.txt', Buffer.from('a cat')), tarEnd],
  ]);
  expect(given.refused).toEqual([]);
  expect(given.images).toMatchObject([{ filename: '0001.png', customer: 'default', sha256: sha256(png(1)) }]);
  expect(given.warnings).toEqual(
    ['/a.tar: 0001.cls and the like, beside images, are not sent: only images travel'].map((text) =>
      expect.stringContaining(text.slice(1)),
    ),
  );
});

test('arrays of other kinds are data beside an image, and those of pixels are images', async () => {
  const depth = encodeNpy({ shape: [2, 3], dtype: 'uint16', data: new Uint16Array(6) });
  const features = Buffer.from(depth.toString('latin1').replace('<u2', '<f2'), 'latin1');
  const given = await giveBytes([
    ...[
      tarMember('k.png', png(1)),
      tarMember('k.depth.npy', depth),
      tarMember('k.features.npy', features),
      tarEnd,
    ],
  ]);
  expect(given.refused).toEqual([]);
  expect(given.images).toMatchObject([{ filename: 'k.png' }, { filename: 'k.depth.npy' }]);
});

test('what should be an image and is none is named, and the others are sent', async () => {
  const given = await giveBytes([
    ...[tarMember('a.png'), tarMember('a.json', Buffer.from('{}'))],
    ...[
      tarMember('b.png', png(1)),
      tarMember('b.jpg', Buffer.from('<html>')),
      tarMember('b.txt', Buffer.from('b')),
    ],
    ...[tarMember('c.png', png(2).subarray(0, -3)), tarMember('notes.txt', Buffer.from('hello'))],
    tarMember('inner.tar', Buffer.concat([tarMember('d.png', png(3)), tarEnd])),
    ...[
      tarMember('e.png', png(4)),
      tarMember('f.txt', Buffer.from('far from its image')),
      tarMember('g.json', ours(png(9))),
    ],
    ...[tarMember('f.png', png(5)), tarEnd],
  ]);
  expect(given.images.map(({ filename }) => filename)).toEqual(['b.png', 'e.png', 'f.png']);
  expect(given.refused).toEqual([
    'a.tar: a.png: file is empty',
    expect.stringMatching(/^a\.tar: b\.jpg: not a PNG/),
    expect.stringMatching(/^a\.tar: c\.png: PNG file is cut off/),
    'a.tar: g.json: the image that it describes is not next to it',
    expect.stringMatching(/^a\.tar: notes\.txt: not a PNG.*hello/),
    expect.stringMatching(/^a\.tar: inner\.tar: not a PNG.*it looks like a tar archive/),
  ]);
});

test.skipIf(!hasGnuTar)('links, folders, devices and sparse files', async () => {
  const { folder, inside, pack } = await folderOf({ 'a.png': png(1), 'z.png': png(2) });
  symlinkSync('a.png', join(inside, 'link.png'));
  linkSync(join(inside, 'a.png'), join(inside, 'same.png'));
  writeFileSync(join(inside, 'holes.png'), png(3));
  truncateSync(join(inside, 'holes.png'), 10_000_000);
  appendFileSync(join(inside, 'holes.png'), 'end');
  execFileSync('mkfifo', [join(inside, 'pipe.png')]);
  for (const format of ['gnu', 'posix']) {
    pack('tar', ['-c', '-S', '-f', `../${format}.tar`, `--format=${format}`, '--sort=name', '.']);
    const given = await give([`${format}.tar`], { cwd: folder });
    expect(given.images.map(({ filename }) => filename)).toEqual(['a.png', 'z.png']);
    expect(given.refused).toEqual([
      `${format}.tar: holes.png: is stored without its zeros, which is not read; pack it without --sparse`,
    ]);
    expect(given.warnings).toEqual([expect.stringContaining('2 links left out')]);
  }
});

test('a size in base 256 that no octal number has, in the middle of an archive', async () => {
  const folder = await temporaryFolder();
  const size = 9 * 1024 ** 3;
  const large = tarMember('film.bin', Buffer.alloc(0), { size, isBase256: true });
  writeFileSync(join(folder, 'a.tar'), Buffer.concat([tarMember('a.png', png(1)), large]));
  truncateSync(join(folder, 'a.tar'), 1024 + 512 + size);
  appendFileSync(join(folder, 'a.tar'), Buffer.concat([tarMember('b.png', png(2)), tarEnd]));
  const given = await give(['a.tar'], { cwd: folder });
  expect(given.images.map(({ filename }) => filename)).toEqual(['a.png', 'b.png']);
  expect(given.refused).toEqual([expect.stringMatching(/^a\.tar: film\.bin: not a PNG/)]);
});

test('archives that follow one another, without an end, or with something behind it', async () => {
  const one = tarMember('a.png', png(1));
  const other = tarMember('b.png', png(2));
  for (const parts of [
    [one, tarEnd, other, tarEnd],
    [one, Buffer.alloc(10_240), other],
    [one, other],
    [one, other, tarEnd, Buffer.from('padding of a tape'.repeat(100))],
  ]) {
    for (const [name, bytes] of [
      ['a.tar', Buffer.concat(parts)],
      ['a.tgz', gzipSync(Buffer.concat(parts))],
    ] as const) {
      expect(await giveBytes([bytes], name)).toMatchObject({
        images: [{ filename: 'a.png' }, { filename: 'b.png' }],
        refused: [],
      });
    }
  }
  const concatenated = [gzipSync(Buffer.concat([one, tarEnd])), gzipSync(Buffer.concat([other, tarEnd]))];
  expect(await giveBytes(concatenated, 'a.tgz')).toMatchObject({ images: [{}, {}], refused: [] });
});

test('the same name twice is two images, and the same image twice has one id', async () => {
  const { images } = await giveBytes([
    ...[
      tarMember('a.png', png(1)),
      tarMember('a.png', png(2)),
      tarMember('b.png', png(3)),
      tarMember('a.png', png(1)),
      tarEnd,
    ],
  ]);
  expect(new Set(images.map(({ id }) => id)).size).toBe(3);
  expect(images[0]!.id).toBe(images[3]!.id);
});

test('a member that is damaged does not hide those behind it', async () => {
  const members = [1, 2, 3].map((seed) => tarMember(`${seed}.png`, png(seed)));
  members[1]!.fill(0xff, 0, 512);
  const given = await giveBytes([...members, tarEnd]);
  expect(given.images.map(({ filename }) => filename)).toEqual(['1.png', '3.png']);
  expect(given.refused).toEqual(['a.tar, bytes 1024 to 2048,: no member of the archive begins there']);
});

test('an archive that is cut off gives what is whole, and names the rest', async () => {
  const whole = Buffer.concat([
    ...[tarMember('a.png', png(1)), tarMember('b.json', ours(png(2))), tarMember('b.png', png(2, 2000))],
    ...[tarMember('c.png', png(3)), tarMember('c.json', ours(png(3), { note: 'x'.repeat(1000) })), tarEnd],
  ]);
  const jsonAt = whole.indexOf('c.json');
  const inJson = await giveBytes([whole.subarray(0, jsonAt + 512 + 100)]);
  expect(inJson.images.map(({ name }) => name)).toEqual(['a.tar: a.png', 'a.tar: b.png']);
  expect(inJson.refused).toEqual([
    `a.tar: c.json: is cut off: the archive ends at byte ${jsonAt + 612}`,
    'a.tar: c.png: c.json, which may say who it is, cannot be read',
  ]);
  const between = await giveBytes([whole.subarray(0, jsonAt)]);
  expect(between.images.map(({ name }) => name)).toEqual(['a.tar: a.png', 'a.tar: b.png']);
  expect(between.refused).toEqual(['a.tar: c.png: c.json, which may say who it is, cannot be read']);
  const inHeader = await giveBytes([
    whole.subarray(0, jsonAt),
    Buffer.alloc(512, 1),
    whole.subarray(jsonAt + 512),
  ]);
  expect(inHeader.images).toHaveLength(2);
  expect(inHeader.refused).toEqual([
    `a.tar, bytes ${jsonAt} to ${whole.length},: no member of the archive begins there`,
    'a.tar: c.png: c.json, which may say who it is, cannot be read',
  ]);
  const inImage = await giveBytes([whole.subarray(0, whole.indexOf('b.png') + 600)]);
  expect(inImage.images.map(({ name }) => name)).toEqual(['a.tar: a.png']);
  expect(inImage.refused).toEqual([expect.stringMatching(/^a\.tar: b\.png: is cut off/)]);
  const zipped = await giveBytes([gzipSync(whole).subarray(0, -30)], 'a.tgz');
  expect(zipped.images[0]).toMatchObject({ filename: 'a.png' });
  expect(zipped.refused.at(-1)).toMatch(/^the rest of a\.tgz: its compressed data are cut off/);
});

test('a ZIP archive that is cut off says so', async () => {
  const given = await giveBytes([Buffer.from('PK\x03\x04 and nothing'), Buffer.alloc(100)], 'a.zip');
  expect(given.refused).toEqual([
    expect.stringMatching(/^a\.zip: is cut off: a ZIP archive has its directory at its end/),
  ]);
});

test('what an archive is, its content says', async () => {
  const { folder } = await folderOf({});
  const tar = Buffer.concat([tarMember('a.png', png(1)), tarEnd]);
  writeFileSync(join(folder, 'no extension'), tar);
  writeFileSync(join(folder, 'really.zip'), tar);
  writeFileSync(join(folder, 'gz.tar'), gzipSync(tar));
  writeFileSync(join(folder, 'image.zip'), png(2));
  writeFileSync(join(folder, 'text.tar'), '<html>not found</html>');
  writeFileSync(join(folder, 'image.tar.gz'), gzipSync(png(3)));
  writeFileSync(join(folder, 'empty.tar'), Buffer.alloc(10_240));
  const { images, refused, warnings } = await give(
    ['no extension', 'really.zip', 'gz.tar', 'image.zip', 'text.tar', 'image.tar.gz', 'empty.tar'],
    { cwd: folder },
  );
  expect(images.map(({ name }) => name)).toEqual([
    'no extension: a.png',
    'really.zip: a.png',
    'gz.tar: a.png',
    'image.zip',
  ]);
  expect(refused).toEqual([
    expect.stringMatching(/^text\.tar: not a PNG/),
    expect.stringMatching(/^image\.tar\.gz: not a PNG.*gzip data of a PNG file/),
  ]);
  expect(warnings).toEqual([expect.stringMatching(/empty\.tar: no files to send$/)]);
});

test('a folder and a glob look into archives by their names; ids have the path of the archive in its folder', async () => {
  const tar = Buffer.concat([tarMember('a.png', png(1)), tarEnd]);
  const { folder } = await folderOf({
    'shards/1.tar': tar,
    'shards/2.TGZ': gzipSync(tar),
    'shards/3': tar,
    'shards/.4.tar': tar,
  });
  const names = async (inputs: string[], recursive: boolean) => {
    const given = await give(inputs, { cwd: join(folder, 'in'), recursive });
    return {
      images: given.images.map(({ name }) => name),
      ids: given.images.map(({ id }) => id),
      refused: given.refused,
    };
  };
  const flat = await names(['shards'], false);
  expect(flat).toMatchObject({
    images: ['shards/1.tar: a.png', 'shards/2.TGZ: a.png'],
    refused: [expect.stringMatching(/^shards\/3: not a PNG.*a tar archive/)],
  });
  expect(await names(['.'], true)).toMatchObject({ images: flat.images });
  expect(await names(['shards/*.{tar,TGZ}'], false)).toMatchObject({ images: flat.images, refused: [] });
  const moved = await give(['1.tar'], { cwd: join(folder, 'in', 'shards') });
  expect(moved.images.map(({ id }) => id)).toEqual(flat.ids.slice(0, 1));
});

test('names with backslashes, leading slashes, dots, and those that are hidden, unfinished or not UTF-8', async () => {
  const latin = tarMember('caf_.png', png(5));
  latin[3] = 0xe9;
  latin.write('        ', 148);
  const sum = latin.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  latin.write(`${sum.toString(8).padStart(6, '0')}\x00 `, 148);
  const given = await giveBytes([
    ...[tarMember('/abs/a.png', png(1)), tarMember('./b.png', png(2)), tarMember('../c.png', png(3))],
    ...[
      tarMember('._d.png', png(4)),
      tarMember('.git/e.png', png(4)),
      tarMember('f.png.part', png(4)),
      latin,
      tarEnd,
    ],
  ]);
  expect(given.images.map(({ name }) => name)).toEqual([
    'a.tar: abs/a.png',
    'a.tar: b.png',
    'a.tar: ../c.png',
  ]);
  expect(given.refused).toEqual([
    'a.tar: caf\ufffd.png: its name is not UTF-8, so that it cannot be part of an id; rename it',
  ]);
  expect(given.warnings).toEqual([expect.stringContaining('1 file skipped, named like unfinished files')]);
});

test('a name before a header counts for all of it, also where the header has a folder of its own', async () => {
  const pax = (record: string): Buffer => Buffer.from(`${record.length + 4} ${record}\n`);
  const given = await giveBytes([
    ...[
      tarMember('pax', pax('path=long/folder/a.png'), { type: 'x' }),
      tarMember('a.png', png(1), { prefix: 'long' }),
    ],
    ...[
      tarMember('L', Buffer.from('far/folder/b.png\0'), { type: 'L' }),
      tarMember('b.png', png(2), { prefix: 'far' }),
    ],
    ...[tarMember('pax', pax('path=000000000001'), { type: 'x' }), tarMember('x.png', png(3))],
    ...[tarMember('c.png', png(4), { prefix: 'short' }), tarEnd],
  ]);
  expect(given.images.map(({ name }) => name)).toEqual([
    ...['a.tar: long/folder/a.png', 'a.tar: far/folder/b.png', 'a.tar: 000000000001', 'a.tar: short/c.png'],
  ]);
});

test('many members that seem to be one sample', async () => {
  const count = 200;
  const members = Array.from({ length: count }, (_one, index) => tarMember(`2024.${index}.png`, png(index)));
  const { images, refused } = await giveBytes([...members, tarEnd]);
  expect(images).toHaveLength(count);
  expect(refused).toEqual([]);
});

test('an archive ends with the signal', async () => {
  const stopping = new AbortController();
  const given = await giveBytes([tarMember('a.png', png(1)), tarMember('b.png', png(2)), tarEnd], 'a.tar', {
    signal: stopping.signal,
    whenGiven: () => stopping.abort(),
  });
  expect(given).toMatchObject({ images: [{ filename: 'a.png' }], refused: [], warnings: [] });
});

/** A ZIP archive by Python, of which the directory is changed afterwards. */
const pythonBomb = `
import struct, sys, zipfile
with zipfile.ZipFile('../a.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr('small.png', open('a.png', 'rb').read())
    archive.writestr('bomb.png', open('bomb.png', 'rb').read())
    archive.writestr('film.bin', bytes(30000000))
    archive.writestr('behind.png', open('a.png', 'rb').read())
data = bytearray(open('../a.zip', 'rb').read())
for declared, name in ((int(sys.argv[1]), b'bomb.png'),):
    entry = data.rindex(b'PK\\x01\\x02', 0, data.rindex(name))
    data[entry + 24:entry + 28] = struct.pack('<I', declared)
open('../a.zip', 'wb').write(data)
`;

test.skipIf(!hasPython).each([
  [
    'more than it declares',
    1000,
    /^a\.zip: bomb\.png: inflates to more than the 1000 bytes that it declares$/,
  ],
  ['more than a large size that it declares', 17_000_000, /inflates to more than the 17000000 bytes/],
  ['fewer', 19_000_000, /inflates to \d+ bytes instead of the 19000000/],
  [
    'more than --max-image-bytes',
    2 ** 31,
    /payload of 2147483648 bytes exceeds the limit of 20000000 bytes; --max-image-bytes raises it$/,
  ],
])('a bomb that inflates to %s is stopped', async (_what, declared, refusal) => {
  const { folder, inside } = await folderOf({ 'a.png': png(1), 'bomb.png': png(2, 18_000_000) });
  execFileSync('python3', ['-c', pythonBomb, String(declared)], { cwd: inside });
  const given = await give(['a.zip'], {
    cwd: folder,
    maxImageBytes: 20_000_000,
    raisedBy: { maxImageBytes: '--max-image-bytes' },
  });
  expect(given.images.map(({ filename }) => filename)).toEqual(['small.png', 'behind.png']);
  expect(given.refused).toHaveLength(2);
  expect(given.refused[0]).toMatch(refusal);
  expect(given.refused[1]).toMatch(/^a\.zip: film\.bin: not a PNG/);
});

test.skipIf(!hasPython || !hasGnuTar)(
  'a large member is not in memory: it is a part of the file, or of one that is gone with the program',
  async () => {
    const size = 20_000_000;
    const files = { 'a.png': png(1), 'large.png': png(2, size), 'z.png': png(3) };
    const { folder, pack, python } = await folderOf(files);
    pack('tar', ['-c', '-f', '../a.tar', '--sort=name', '.']);
    pack('tar', ['-c', '-z', '-f', '../a.tgz', '--sort=name', '.']);
    python(`
import zipfile
for name, how in (('../stored.zip', zipfile.ZIP_STORED), ('../deflated.zip', zipfile.ZIP_DEFLATED)):
    with zipfile.ZipFile(name, 'w', how) as archive:
        for file in ('a.png', 'large.png', 'z.png'):
            archive.write(file)
`);
    const scratch = join(folder, 'scratch');
    mkdirSync(scratch);
    vi.stubEnv('TMPDIR', scratch);
    for (const archive of ['a.tar', 'a.tgz', 'stored.zip', 'deflated.zip']) {
      const given = await give([archive], { cwd: folder });
      expect(given.refused).toEqual([]);
      expect(given.images.map(({ sha256: hash, isStored }) => [hash, isStored])).toEqual([
        [sha256(files['a.png']), false],
        [sha256(files['large.png']), true],
        [sha256(files['z.png']), false],
      ]);
    }
    expect(readdirSync(scratch)).toEqual([]);
    if (process.platform === 'linux') {
      const open = readdirSync('/proc/self/fd').map((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`);
        } catch {
          return '';
        }
      });
      expect(open.filter((path) => path.startsWith(scratch))).toEqual([]);
    }
  },
);

const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_128);
const runs = Number(process.env['FUZZ_RUNS'] ?? 150);

/** Archives of all kinds, small enough to try every cut. */
async function smallArchives(): Promise<Record<string, Buffer>> {
  const tar = Buffer.concat([
    ...[tarMember('a.png', png(1)), tarMember('a.json', ours(png(1)))],
    tarMember('pax', Buffer.from('29 path=sub/long name é.png\n30 mtime=1700000000.123456789\n'), {
      type: 'x',
    }),
    ...[tarMember('short.png', png(2)), tarMember('././@LongLink', Buffer.from('long.png\0'), { type: 'L' })],
    ...[
      tarMember('x.png', png(3)),
      tarMember('d', Buffer.alloc(0), { type: '5' }),
      tarMember('c.png', png(4)),
      tarEnd,
    ],
  ]);
  const { folder, python } = await folderOf({ 'a.png': png(1), 'b.png': png(2), 'c.txt': 'text' });
  python(`
import zipfile
with zipfile.ZipFile('../a.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.write('a.png', 'caf\u00e9.png')
    archive.write('b.png', compress_type=zipfile.ZIP_STORED)
    archive.write('c.txt')
`);
  return { 'a.tar': tar, 'a.tgz': gzipSync(tar), 'a.zip': readFileSync(join(folder, 'a.zip')) };
}

test.skipIf(!hasPython)(
  'an archive that is cut anywhere gives only images that were in it, and its other parts are named',
  async () => {
    const whole = new Set([1, 2, 3, 4].map((one) => sha256(png(one))));
    for (const [name, bytes] of Object.entries(await smallArchives())) {
      const step = name === 'a.tar' ? 64 : 7;
      for (let end = 0; end < bytes.length; end += step) {
        const { images, refused, warnings } = await giveBytes([bytes.subarray(0, end)], name);
        expect(images.filter(({ sha256: hash }) => !whole.has(hash))).toEqual([]);
        const isComplete = images.length === (name === 'a.zip' ? 2 : 4);
        // Between two members, nothing shows that others were to come.
        const isBetween = name === 'a.tar' && end % 512 === 0;
        expect(
          isComplete || isBetween || refused.length > 0,
          `${name} up to byte ${end}: ${warnings.join()}`,
        ).toBe(true);
      }
    }
  },
  120_000,
);

test.skipIf(!hasPython)(
  'bytes that are flipped anywhere crash nothing, hang nothing and forge nothing',
  async () => {
    let state = seed;
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * below);
    };
    for (const [name, bytes] of Object.entries(await smallArchives())) {
      for (let run = 0; run < runs; run += 1) {
        const damaged = Buffer.from(bytes);
        for (let flips = 1 + random(4); flips > 0; flips -= 1) {
          damaged[random(damaged.length)] = random(256);
        }
        const { refused } = await giveBytes([damaged], name);
        const known =
          /not a PNG|file is empty|cut off|damaged|no member|UTF-8|is compressed|encrypted|inflates|not where|declares|zeros|volume|years|PNG|exceeds|next to it|cannot be read|CRC|image of|central directory|EOF|zip64|extra field|comment length|multi-disk|signature|strong encryption/i;
        expect(
          refused.filter((line) => !known.test(line)),
          `seed ${seed}, ${name}, run ${run}`,
        ).toEqual([]);
      }
    }
  },
  120_000,
);
