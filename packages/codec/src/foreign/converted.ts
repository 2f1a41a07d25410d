import { latin1 } from './formats.ts';
import { imageName, nameOfType } from './image-names.ts';
import { signatures } from '../media-type.ts';
import { startOfText } from '../text.ts';

const wrongCharacters = 'send the bytes, not a string';

/** How a PNG file begins that lost or gained carriage returns and line feeds: https://www.w3.org/TR/png-3/#5PNG-file-signature */
const changedLineEnds = ['\x89PNG\n\x1A\n', '\x89PNG\r\r\n', '\x89PNG\r\x1A'];

/** Bytes that a program has taken for text and written again: https://encoding.spec.whatwg.org/#utf-8-decoder */
export function convertedTo(head: Uint8Array): string | undefined {
  if (/^(?:\?PNG\r?\n|\?{3,4}\0.(?:JFIF|Exif)|\?NUMPY)/s.test(latin1(head, 16))) {
    return `an image file that was turned into text, each byte above 7F into a question mark; they are lost: ${wrongCharacters}`;
  }
  if (changedLineEnds.some((start) => latin1(head, 12).startsWith(start))) {
    return 'a PNG file whose line ends were changed, as FTP does in text mode; send it as binary';
  }
  const text = startOfText(head);
  if (text === undefined || /^\p{ASCII}*$/u.test(text)) {
    return undefined;
  }
  const before = Buffer.from(text, 'latin1');
  if (before.toString('latin1') === text) {
    const name = imageName(before);
    return (
      name && `${name} of which each byte was taken for a character and written as UTF-8; ${wrongCharacters}`
    );
  }
  if (text.startsWith('\u2030PNG') || text.startsWith('ÿØÿ')) {
    return `an image file of which each byte was taken for a character of Windows-1252 and written as UTF-8; ${wrongCharacters}`;
  }
  const replaced = text.split('\uFFFD').length - 1;
  const isBinary = /(?!\s)\p{Cc}/u.test(text);
  if (replaced < 3 || !(isBinary || replaced > text.length / 10)) {
    return undefined;
  }
  return `${replacedName(text) ?? 'binary data'} that was turned into text: bytes that are no UTF-8 became EF BF BD and are lost; ${wrongCharacters}`;
}

/** Which file it was whose first bytes have become U+FFFD. */
function replacedName(text: string): string | undefined {
  // After the start, a first segment of either kind, or a table of 64 values.
  if (/^\uFFFD{3,4}(?:.{0,4}(?:JFIF|Exif)|\p{Cc}C\p{Cc})/su.test(text)) {
    return 'a JPEG file';
  }
  const found = signatures.find(({ at: [[offset, mark]] }) => {
    const bytes = Buffer.from(mark);
    return offset === 0 && mark.length > 3 && text.startsWith(bytes.toString());
  });
  return found && nameOfType(found.mediaType);
}
