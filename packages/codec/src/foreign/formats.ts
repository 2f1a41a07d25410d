/*
 * Formats that are not read, so that whoever sends one is told which it is. Each row has the specification, or the
 * registration, that its first bytes are from.
 */

/** What is at an offset, one character a byte. */
type Mark = readonly [offset: number, bytes: string];

const magicNumbers: readonly (readonly [name: string, source: string, ...marks: Mark[]])[] = [
  // Images.
  [
    'an iOS PNG (CgBI), which only Apple decodes; let Xcode copy PNG files as they are',
    'https://theapplewiki.com/wiki/PNG_CgBI_Format',
    [0, '\x89PNG\r\n\x1A\n'],
    [12, 'CgBI'],
  ],
  ['a JPEG-LS image', 'https://www.itu.int/rec/T-REC-T.87', [0, '\xFF\xD8\xFF\xF7']],
  ['a JPEG XL image', 'https://www.iana.org/assignments/media-types/image/jxl', [0, '\xFF\x0A']],
  [
    'a JPEG XL image',
    'https://www.iana.org/assignments/media-types/image/jxl',
    [0, '\0\0\0\x0CJXL \r\n\x87\n'],
  ],
  ['a JPEG 2000 image', 'https://www.itu.int/rec/T-REC-T.800', [0, '\0\0\0\x0CjP  \r\n\x87\n']],
  ['a JPEG 2000 image', 'https://www.itu.int/rec/T-REC-T.800', [0, '\xFF\x4F\xFF\x51']],
  ['a JPEG XR image', 'https://www.itu.int/rec/T-REC-T.832', [0, 'II\xBC']],
  ['a BMP image', 'https://learn.microsoft.com/windows/win32/gdi/bitmap-storage', [0, 'BM'], [6, '\0\0\0\0']],
  ['an OpenEXR image', 'https://openexr.com/en/latest/OpenEXRFileLayout.html', [0, '\x76\x2F\x31\x01']],
  [
    'a DICOM file',
    'https://dicom.nema.org/medical/dicom/current/output/chtml/part10/chapter_7.html',
    [128, 'DICM'],
  ],
  ['a Photoshop file (PSD)', 'https://www.adobe.com/devnet-apps/photoshop/fileformatashtml/', [0, '8BPS\0']],
  ['a GIMP file (XCF)', 'https://developer.gimp.org/core/standards/xcf/', [0, 'gimp xcf ']],
  [
    'an icon (ICO)',
    'https://learn.microsoft.com/previous-versions/ms997538(v=msdn.10)',
    [0, '\0\0\x01\0'],
    [5, '\0'],
  ],
  ['a Radiance HDR image', 'https://radsite.lbl.gov/radiance/refer/filefmts.pdf', [0, '#?RADIANCE']],
  ['a Radiance HDR image', 'https://radsite.lbl.gov/radiance/refer/filefmts.pdf', [0, '#?RGBE']],
  ['a FITS file', 'https://fits.gsfc.nasa.gov/fits_standard.html', [0, 'SIMPLE  =']],
  ['a DPX image', 'https://www.loc.gov/preservation/digital/formats/fdd/fdd000178.shtml', [0, 'SDPX']],
  ['a DPX image', 'https://www.loc.gov/preservation/digital/formats/fdd/fdd000178.shtml', [0, 'XPDS']],
  ['an SGI image', 'https://www.fileformat.info/format/sgiimage/egff.htm', [0, '\x01\xDA\0'], [4, '\0']],
  ['a PCX image', 'https://www.fileformat.info/format/pcx/egff.htm', [0, '\x0A\x05\x01\x08']],
  [
    'an SGI image',
    'https://www.loc.gov/preservation/digital/formats/fdd/fdd000610.shtml',
    [0, '\x01\xDA\0'],
    [4, '\0'],
  ],
  [
    'a PCX image',
    'https://www.loc.gov/preservation/digital/formats/fdd/fdd000619.shtml',
    [0, '\x0A\x05\x01\x08'],
  ],
  ['a QOI image', 'https://qoiformat.org/qoi-specification.pdf', [0, 'qoif']],
  ['a BPG image', 'https://bellard.org/bpg/bpg_spec.txt', [0, 'BPG\xFB']],
  [
    'a DDS texture',
    'https://learn.microsoft.com/windows/win32/direct3ddds/dx-graphics-dds-pguide',
    [0, 'DDS \x7C'],
  ],
  ['an MNG animation', 'http://www.libpng.org/pub/mng/spec/', [0, '\x8AMNG\r\n\x1A\n']],
  ['a JNG image', 'http://www.libpng.org/pub/mng/spec/', [0, '\x8BJNG\r\n\x1A\n']],
  [
    'a raw file of a Fujifilm camera (RAF)',
    'https://libopenraw.freedesktop.org/formats/raf/',
    [0, 'FUJIFILMCCD-RAW'],
  ],
  ['a raw file of an Olympus camera (ORF)', 'https://libopenraw.freedesktop.org/formats/orf/', [0, 'IIRO']],
  ['a raw file of a Panasonic camera (RW2)', 'https://libopenraw.freedesktop.org/formats/rw2/', [0, 'IIU\0']],
  ['a NIfTI volume', 'https://nifti.nimh.nih.gov/nifti-1', [344, 'n+1\0']],
  ['an NRRD volume', 'https://teem.sourceforge.net/nrrd/format.html', [0, 'NRRD000']],

  // Documents, films and sounds.
  ['a PDF file', 'https://www.rfc-editor.org/rfc/rfc8118', [0, '%PDF-']],
  ['a PostScript file', 'https://www.loc.gov/preservation/digital/formats/fdd/fdd000246.shtml', [0, '%!PS']],
  [
    'an AVI film',
    'https://learn.microsoft.com/windows/win32/directshow/avi-riff-file-reference',
    [0, 'RIFF'],
    [8, 'AVI '],
  ],
  ['a WAV sound', 'https://www.rfc-editor.org/rfc/rfc2361', [0, 'RIFF'], [8, 'WAVE']],
  ['a Matroska or WebM film', 'https://www.rfc-editor.org/rfc/rfc9559', [0, '\x1A\x45\xDF\xA3']],
  ['an Ogg film or sound', 'https://www.rfc-editor.org/rfc/rfc3533', [0, 'OggS']],
  [
    'a Flash film (FLV)',
    'https://www.loc.gov/preservation/digital/formats/fdd/fdd000131.shtml',
    [0, 'FLV\x01'],
  ],
  ['a film of MPEG program stream', 'https://www.itu.int/rec/T-REC-H.222.0', [0, '\0\0\x01\xBA']],
  [
    'a film of MPEG transport stream',
    'https://www.itu.int/rec/T-REC-H.222.0',
    [0, 'G'],
    [188, 'G'],
    [376, 'G'],
  ],
  [
    'H.264 or H.265 video; a record holds one image',
    'https://www.itu.int/rec/T-REC-H.264',
    [0, '\0\0\0\x01'],
  ],
  [
    'H.264 or H.265 video; a record holds one image',
    'https://www.itu.int/rec/T-REC-H.264',
    [0, '\0\0\x01\x67'],
  ],

  // Containers and archives.
  [
    'an Avro file',
    'https://avro.apache.org/docs/1.12.0/specification/#object-container-files',
    [0, 'Obj\x01'],
  ],
  ['a Parquet file', 'https://parquet.apache.org/docs/file-format/', [0, 'PAR1']],
  ['an Arrow file', 'https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format', [0, 'ARROW1']],
  ['an ORC file', 'https://orc.apache.org/specification/ORCv1/', [0, 'ORC\x0A']],
  [
    'an HDF5 file',
    'https://www.loc.gov/preservation/digital/formats/fdd/fdd000229.shtml',
    [0, '\x89HDF\r\n\x1A\n'],
  ],
  [
    'a MATLAB file',
    'https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf',
    [0, 'MATLAB 5.0 MAT'],
  ],
  [
    'a ZIP archive, as NumPy saves .npz; send each array with numpy.save',
    'https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT',
    [0, 'PK\x03\x04'],
    [30, 'arr_0.npy'],
  ],
  ['a ZIP archive', 'https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT', [0, 'PK\x03\x04']],
  ['a tar archive', 'https://www.gnu.org/software/tar/manual/html_node/Standard.html', [257, 'ustar']],
  ['a 7z archive', 'https://www.7-zip.org/7z.html', [0, '7z\xBC\xAF\x27\x1C']],
  ['zstd data', 'https://www.rfc-editor.org/rfc/rfc8878', [0, '\x28\xB5\x2F\xFD']],
  ['xz data', 'https://tukaani.org/xz/xz-file-format.txt', [0, '\xFD7zXZ\0']],
  ['bzip2 data', 'https://sourceware.org/bzip2/', [0, 'BZh'], [4, '1AY&SY']],
  ['LZ4 data', 'https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md', [0, '\x04\x22\x4D\x18']],
  ['Snappy data', 'https://github.com/google/snappy/blob/main/framing_format.txt', [0, '\xFF\x06\0\0sNaPpY']],
  [
    'Snappy data of snappy-java',
    'https://github.com/xerial/snappy-java#compatibility-notes',
    [0, '\x82SNAPPY\0'],
  ],

  // Objects of programs.
  [
    'an object of Java as it serializes itself; use a ByteArraySerializer',
    'https://docs.oracle.com/en/java/javase/21/docs/specs/serialization/protocol.html',
    [0, '\xAC\xED\0\x05'],
  ],
  [
    'an object of .NET (BinaryFormatter); send the bytes of the file',
    'https://learn.microsoft.com/openspecs/windows_protocols/ms-nrbf/',
    [0, '\0\x01\0\0\0\xFF\xFF\xFF\xFF\x01\0\0\0'],
  ],
  ['CBOR data', 'https://www.rfc-editor.org/rfc/rfc8949#name-self-described-cbor', [0, '\xD9\xD9\xF7']],
];

/** Of files that begin with a box `ftyp`, by their first brand: https://mp4ra.org/registered-types/brands */
const brands: readonly (readonly [brand: RegExp, name: string])[] = [
  [/^he(ic|ix|im|is|vc|vx|vm|vs)$/, 'a HEIC image'],
  [/^(mif|msf)\d$/, 'a HEIF image that is no AVIF'],
  [/^jp[2xm]/, 'a JPEG 2000 image'],
  [/^jxl /, 'a JPEG XL image'],
  [/^crx /, 'a raw file of a Canon camera (CR3)'],
  [/^qt {2}$/, 'a QuickTime film (MOV)'],
  [/^/, 'a film (MP4)'],
];

/** Begins as files of Netpbm do; https://netpbm.sourceforge.net/doc/pnm.html, pam.html, pfm.html */
const netpbm = /^P(?:[1-6](?:\s|#[^\n]*\n)+\d|7\nWIDTH|[Ff]\n\d)/;

/** The name of a format that is not read, by its first bytes; undefined for one that is not known. */
export function foreignFormat(bytes: Uint8Array): string | undefined {
  const head = latin1(bytes, 512);
  const row = magicNumbers.find(([, , ...marks]) =>
    marks.every(([offset, mark]) => head.startsWith(mark, offset)),
  );
  if (row !== undefined) {
    return row[0];
  }
  if (head.startsWith('ftyp', 4)) {
    return brands.find(([brand]) => brand.test(head.slice(8, 12)))![1];
  }
  if (netpbm.test(head)) {
    return 'a Netpbm image (PNM)';
  }
  return isTarga(bytes) ? 'a TGA image' : undefined;
}

/** Without a magic number: https://www.loc.gov/preservation/digital/formats/fdd/fdd000180.shtml */
function isTarga(bytes: Uint8Array): boolean {
  const [, colourMap, imageType] = bytes;
  return (
    bytes.length > 18 &&
    colourMap === 0 &&
    [2, 3, 10, 11].includes(imageType!) &&
    bytes.subarray(3, 8).every((byte) => byte === 0) &&
    [8, 16, 24, 32].includes(bytes[16]!)
  );
}

/** One character a byte, of the first bytes. */
export function latin1(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, length)).toString('latin1');
}

/** A frame of its own kind, SOF55, after segments like those of JPEG: https://www.itu.int/rec/T-REC-T.87, C.1 */
export function isJpegLs(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) {
    return false;
  }
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1]!;
    if (marker === 0xf7) {
      return true;
    }
    at += marker === 0xff ? 1 : 2 + Math.max(2, (bytes[at + 2]! << 8) | bytes[at + 3]!);
  }
  return false;
}
