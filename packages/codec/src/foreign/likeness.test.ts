import { gzipSync, deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeRecord, notAnImage, sniffMediaType } from '../index.ts';
import { received } from '../records.test-support.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const filler = Buffer.from(Array.from({ length: 600 }, (_, index) => (index * 151 + 7) % 256));
const png = Buffer.concat([latin1('\x89PNG\r\n\x1A\n\0\0\0\rIHDR'), filler]);
const jpeg = Buffer.concat([latin1('\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01'), filler]);
const npy = Buffer.concat([latin1('\x93NUMPY\x01\0'), filler]);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const after = (start: string, ...rest: Buffer[]): Buffer => Buffer.concat([latin1(start), ...rest, filler]);
const ftyp = (brand: string): Buffer => after(`\0\0\0\x18ftyp${brand}\0\0\0\0${brand}mif1`);
const confluent = (rest: Buffer): Buffer => Buffer.concat([Buffer.of(0, 0, 0, 0, 42), rest]);
const event = { specversion: '1.0', id: 'a', type: 't', source: '/s' };

const foreign: readonly [name: string, bytes: Buffer, looksLike: string][] = [
  // Images that are not read.
  ['HEIC', ftyp('heic'), 'a HEIC image'],
  ['HEIC of another brand', ftyp('heix'), 'a HEIC image'],
  ['HEIF', ftyp('mif1'), 'a HEIF image that is no AVIF'],
  ['JPEG XL', after('\xFF\x0A'), 'a JPEG XL image'],
  ['JPEG XL in boxes', after('\0\0\0\x0CJXL \r\n\x87\n'), 'a JPEG XL image'],
  ['JPEG 2000', after('\0\0\0\x0CjP  \r\n\x87\n'), 'a JPEG 2000 image'],
  ['JPEG 2000 without boxes', after('\xFF\x4F\xFF\x51'), 'a JPEG 2000 image'],
  ['JPEG-LS', after('\xFF\xD8\xFF\xF7\0\x0B'), 'a JPEG-LS image'],
  ['JPEG XR', after('II\xBC\x01'), 'a JPEG XR image'],
  ['BMP', after('BM\x36\x10\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0'), 'a BMP image'],
  ['EXR', after('\x76\x2F\x31\x01'), 'an OpenEXR image'],
  ['DICOM', after(`${'\0'.repeat(128)}DICM`), 'a DICOM file'],
  ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'an SVG drawing'],
  [
    'SVG with a prologue',
    Buffer.from('\uFEFF<?xml version="1.0"?>\n<!-- made -->\n<svg/>'),
    'an SVG drawing',
  ],
  ['PSD', after('8BPS\0\x01'), 'a Photoshop file'],
  ['PDF', after('%PDF-1.7'), 'a PDF file'],
  ['a PNG of iOS', after('\x89PNG\r\n\x1A\n\0\0\0\x04CgBI'), 'an iOS PNG (CgBI)'],
  ['ICO', after('\0\0\x01\0\x01\0'), 'an icon (ICO)'],
  ['PPM', after('P6\n# made\n640 480\n255\n'), 'a Netpbm image'],
  ['PPM without a comment', after('P6 640 480 255\n'), 'a Netpbm image'],
  ['TGA', after('\0\0\x02\0\0\0\0\0\0\0\0\0\x40\0\x40\0\x18\0'), 'a TGA image'],
  ['Radiance HDR', after('#?RADIANCE\n'), 'a Radiance HDR image'],
  ['FITS', after('SIMPLE  =                    T'), 'a FITS file'],
  ['CR3', ftyp('crx '), 'a raw file of a Canon camera'],

  // Films, archives and files of other programs.
  ['MP4', ftyp('isom'), 'a film (MP4)'],
  ['MOV', ftyp('qt  '), 'a QuickTime film'],
  ['AVI', after('RIFF\x10\0\0\0AVI LIST'), 'an AVI film'],
  ['WAV', after('RIFF\x10\0\0\0WAVEfmt '), 'a WAV sound'],
  ['WebM', after('\x1A\x45\xDF\xA3'), 'a Matroska or WebM film'],
  ['H.264', after('\0\0\0\x01\x67\x42'), 'H.264 or H.265 video'],
  ['Avro', after('Obj\x01'), 'an Avro file'],
  ['Parquet', after('PAR1'), 'a Parquet file'],
  ['HDF5', after('\x89HDF\r\n\x1A\n'), 'an HDF5 file'],
  ['ZIP', after('PK\x03\x04'), 'a ZIP archive'],
  ['NPZ', after(`PK\x03\x04${'\0'.repeat(26)}arr_0.npy`), 'a ZIP archive, as NumPy saves .npz'],
  ['zstd', after('\x28\xB5\x2F\xFD'), 'zstd data'],
  ['gzip of an image', gzipSync(png), 'gzip data of a PNG file; a header content-encoding: gzip'],
  ['gzip of gzip', gzipSync(gzipSync(png)), 'gzip data'],
  ['zlib of pixels', deflateSync(npy), 'zlib data of an NPY file'],

  // What serializers make of bytes.
  [
    'a schema id before an image',
    confluent(jpeg),
    'the Confluent schema id 42 in front of a JPEG file that begins at byte 5',
  ],
  [
    'a schema id and Avro',
    confluent(Buffer.concat([latin1('\x02\xD0\x0F'), png])),
    '...in front of a PNG file that begins at byte 8',
  ],
  ['a schema id and JSON', confluent(json({ image: 'a' })), 'the Confluent schema id 42'],
  [
    'a schema id of Glue',
    after(`\x03\0${'\x11'.repeat(6)}\x41\x22\x91${'\x33'.repeat(7)}`),
    'the schema id of AWS Glue',
  ],
  ['a pickle', after('\x80\x04\x95\x10\0\0\0\0\0\0\0\x8C\x15numpy.core.multiarray'), 'a pickle of Python'],
  ['a pickle of Python 2', Buffer.from('cnumpy.core.multiarray\n_reconstruct\np0\n'), 'a pickle of Python'],
  ['an object of Java', after('\xAC\xED\0\x05ur\0\x02[B'), 'an object of Java'],
  ['an object of .NET', after('\0\x01\0\0\0\xFF\xFF\xFF\xFF\x01\0\0\0'), 'an object of .NET'],
  ['MessagePack', after('\x82\xA2id\xA1a\xA5image', png), 'MessagePack in front of a PNG file'],
  [
    'bytes of MessagePack',
    Buffer.concat([Buffer.of(0xc5, png.length >> 8, png.length & 255), png]),
    'MessagePack',
  ],
  [
    'Protobuf',
    after('\x0A\x03cam\x12\x80\x05', png),
    'something in front of a PNG file that begins at byte 8',
  ],
  [
    'headers of Spring Cloud Stream',
    after('\xFF\x01\x0BcontentType\0\0\0\x0C"image/png"'),
    'headers of Spring Cloud Stream',
  ],
  ['a byte order mark', after('\xEF\xBB\xBF', png), 'something in front of a PNG file that begins at byte 3'],

  // Bytes that were taken for text.
  [
    'a JPEG that begins with a table, through UTF-8',
    Buffer.from(after('\xFF\xD8\xFF\xDB\0C\0\x08').toString()),
    'a JPEG file that was turned into text',
  ],
  ['a JPEG through UTF-8', Buffer.from(jpeg.toString()), 'a JPEG file that was turned into text'],
  ['a PNG through UTF-8', Buffer.from(png.toString()), 'a PNG file that was turned into text'],
  ['NPY through UTF-8', Buffer.from(npy.toString()), 'an NPY file that was turned into text'],
  ['pixels through UTF-8', Buffer.from(filler.toString()), 'binary data that was turned into text'],
  ['a JPEG through ASCII', latin1('????\0\x10JFIF\0\x01??'), '...each byte above 7F into a question mark'],
  ['a PNG through ASCII', latin1('?PNG\r\n\x1A\n\0\0'), '...each byte above 7F into a question mark'],
  [
    'a JPEG from Latin-1 to UTF-8',
    Buffer.from(jpeg.toString('latin1')),
    'a JPEG file of which each byte was taken for a character',
  ],
  [
    'a PNG from Latin-1 to UTF-8',
    Buffer.from(png.toString('latin1')),
    'a PNG file of which each byte was taken for a character',
  ],
  ['a PNG from Windows-1252', Buffer.from('\u2030PNG\r\n\u001A\n\0\0'), '...a character of Windows-1252'],
  [
    'a PNG without carriage returns',
    latin1('\x89PNG\n\x1A\n\0\0\0\rIHDR'),
    '...whose line ends were changed',
  ],

  // Text that stands for bytes.
  ['base64', Buffer.from(jpeg.toString('base64')), 'base64 of a JPEG file'],
  ['base64 for URLs', Buffer.from(jpeg.toString('base64url')), 'base64 of a JPEG file'],
  [
    'base64 in lines',
    Buffer.from(png.toString('base64').replaceAll(/.{76}/g, '$&\r\n')),
    'base64 of a PNG file',
  ],
  ['base64 in JSON quotes', json(png.toString('base64')), 'base64 of a PNG file, in quotes'],
  ['base64 of other things', Buffer.from(filler.toString('base64')), 'base64 of what is no image file'],
  ['a data URI', Buffer.from(`data:image/png;base64,${png.toString('base64')}`), 'a data URI'],
  [
    'a data URI in JSON quotes',
    json(`data:image/png;base64,${png.toString('base64')}`),
    'a data URI, in quotes',
  ],
  ['hex', Buffer.from(png.toString('hex')), 'hexadecimal digits of a PNG file'],
  [
    'hex of PostgreSQL',
    Buffer.from(String.raw`\x${jpeg.toString('hex').toUpperCase()}`),
    'hexadecimal digits of a JPEG file',
  ],
  [
    'bytes as Python prints them',
    Buffer.from(String.raw`b'\xff\xd8\xff\xe0\x00\x10JFIF'`),
    'binary data as Python prints bytes',
  ],
  [
    'base64 as Python prints it',
    Buffer.from(`b'${png.toString('base64')}'`),
    'base64 of a PNG file as Python prints bytes',
  ],
  ['a Buffer as JSON', json(jpeg), 'a Buffer of Node.js as JSON'],
  ['a typed array as JSON', json(new Uint8Array(jpeg)), 'a byte array of JavaScript as JSON'],
  ['a list of bytes', json([...jpeg]), 'bytes or pixels as numbers in text'],
  [
    'a list of bytes of Java',
    Buffer.from(`[${[...new Int8Array(jpeg)].join(', ')}]`),
    'bytes or pixels as numbers in text',
  ],
  [
    'pixels as JSON',
    json([
      [
        [255, 0, 0],
        [1, 2, 3],
      ],
    ]),
    'bytes or pixels as numbers in text',
  ],
  [
    'an array as NumPy prints it',
    Buffer.from('[[[  0   0   0]\n  [ 12 255   3]]]'),
    'bytes or pixels as numbers in text',
  ],
  ['a typed array as text', Buffer.from([...jpeg].join(',')), 'bytes as numbers in text'],
  ['a byte array as Java prints it', Buffer.from('[B@1b6d3586'), 'what Java prints in place of a byte array'],
  ['an object as JavaScript prints it', Buffer.from('[object Object]'), 'what JavaScript prints'],
  ['a struct of Connect', after('Struct{message=TDSm\x0E\0'), 'a struct of Kafka Connect'],
  ['a name', Buffer.from('photos/door 1.JPG\n'), 'the name of a file'],
  ['an address', Buffer.from('s3://bucket/photo.png'), 'the address of an image'],
  ['a page', Buffer.from('\n<!DOCTYPE html><html><title>401'), 'an HTML page'],
  ['an answer', Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), 'an HTTP response'],
  [
    'an upload',
    after('--xyz\r\nContent-Disposition: form-data; name="file"\r\n\r\n', png),
    'a multipart message',
  ],
  ['text in UTF-16', Buffer.from('\uFEFF{"a": 1}', 'utf16le'), 'text in UTF-16'],

  // JSON of other programs.
  [
    'the envelope of Connect',
    json({ schema: { type: 'bytes', optional: false }, payload: 'iVBORw0KGgo=' }),
    "Kafka Connect's JSON",
  ],
  [
    'that envelope the other way',
    json({ payload: { id: 1 }, schema: { type: 'struct' } }),
    "Kafka Connect's JSON",
  ],
  ['a batch of events', json([event, event]), 'a batch of CloudEvents'],
  [
    'an event of version 0.1',
    json({ cloudEventsVersion: '0.1', eventID: 'a' }),
    'a CloudEvent of version 0.1',
  ],
  [
    'a request to the REST proxy',
    json({ records: [{ value: 'iVBORw0KGgo=' }] }),
    'a request to the Kafka REST Proxy',
  ],
  [
    'an image in JSON',
    json({ camera: 'door', image: jpeg.toString('base64') }),
    "JSON with base64 of a JPEG file in its member 'image'",
  ],
  ['other JSON', json({ camera: 'door', temperature: 21 }), 'JSON with camera, temperature'],
  ['a dict of Python', Buffer.from("{'array_id': 'a', 'data': 'eJw='}"), 'a dict of Python'],

  // Files of which only the beginning is there, as kcat sends them line by line.
  ['the first line of a PNG', latin1('\x89PNG\r'), 'a PNG file that is cut off after 5 bytes'],
  ['the first bytes of NPY', latin1('\x93NUM'), 'an NPY file that is cut off after 4 bytes'],
];

test.each(foreign)(
  '%s is named, as a record, as the payload of an event and as a file',
  async (_name, bytes, looksLike) => {
    const headers = { ce_specversion: '1.0', ce_id: 'a', ce_type: 't', ce_source: '/s' };
    const expected = expect.objectContaining({
      message: expect.stringContaining(
        looksLike.startsWith('...') ? looksLike.slice(3) : `; it looks like ${looksLike}`,
      ),
    });
    await expect(decodeRecord(received({ value: bytes }))).rejects.toEqual(expected);
    await expect(decodeRecord(received({ value: bytes, headers }))).rejects.toEqual(expected);
    // Of a large file, only the beginning is looked at.
    expect(notAnImage(bytes.subarray(0, 4096), bytes.length)).toEqual(notAnImage(bytes));
  },
);

test.each<[name: string, text: string, looksLike: string]>([
  [
    'NaN',
    '{"array_id": "a", "data": "NaN", "creation_time": NaN}',
    'JSON with NaN, which JSON does not have',
  ],
  ['Infinity', '{"array_id": "a", "creation_time": [-Infinity]}', 'JSON with -Infinity'],
  ['an end that is missing', '{"array_id": "a", "data": "eJw', 'JSON that is cut off after 30 bytes'],
  ['another mistake', '{"array_id": "a" "data": ""}', 'JSON that is broken: "'],
])('JSON with %s is named', async (_name, text, looksLike) => {
  await expect(decodeRecord(received({ value: Buffer.from(text) }))).rejects.toThrow(
    `it looks like ${looksLike}`,
  );
});

test('what is known by nothing is shown by its beginning', () => {
  expect(notAnImage(Buffer.from('hello\nthere'))).toBe(
    'not a PNG, JPEG, WebP, AVIF, TIFF, GIF or NPY file; it begins with the text "hello\\nthere"',
  );
  expect(notAnImage(Buffer.of(0xfe, 1, 2))).toContain('it begins with the bytes fe0102');
  // Of right-to-left marks and the like, nothing reaches a terminal.
  expect(notAnImage(Buffer.from('\u202Etxt'))).toContain('it begins with the bytes e280ae');
});

test.each([png, jpeg, npy, after('GIF89a'), after('II*\0'), after('RIFF\x10\0\0\0WEBPVP8 ')])(
  'an image file keeps its type',
  (bytes) => {
    expect(sniffMediaType(bytes)).toBeDefined();
  },
);
