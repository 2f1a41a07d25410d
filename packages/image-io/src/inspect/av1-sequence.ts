/** What coded pixels say of themselves. */
export interface Av1Sequence {
  /** Whether there is brightness only. */
  readonly isGrey: boolean;
  /** Whether black is 0 and white the largest value, not 16 and 235 of 255. */
  readonly isFullRange: boolean;
}

/**
 * Reads the sequence header at the beginning of AV1 data. https://aomediacodec.github.io/av1-spec/#sequence-header-obu-syntax
 *
 * @returns undefined where none begins there
 */
export function av1Sequence(data: Buffer): Av1Sequence | undefined {
  const bits = bitsOf(data);
  for (let at = 0; at < data.length;) {
    const head = data[at]!;
    // Its type, perhaps a byte of layers, perhaps how long it is.
    const own = at + ((head & 4) === 0 ? 1 : 2);
    const { size, start } = (head & 2) === 0 ? { size: data.length - own, start: own } : sizeAt(data, own);
    if (((head >> 3) & 15) === 1) {
      bits.seek(start * 8);
      return sequenceIn(bits.read);
    }
    at = start + size;
  }
  return undefined;
}

/** A number in bytes of 7 bits, the lowest first. */
function sizeAt(data: Buffer, at: number): { size: number; start: number } {
  let size = 0;
  for (let index = 0; index < 8; index++) {
    const byte = data[at + index] ?? 0;
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) {
      return { size, start: at + index + 1 };
    }
  }
  return { size, start: at + 8 };
}

function sequenceIn(read: (bits: number) => number): Av1Sequence {
  const profile = read(3);
  read(1);
  const isReduced = read(1) === 1;
  if (isReduced) {
    read(5);
  } else {
    passOperatingPoints(read);
  }
  const [widthBits, heightBits] = [read(4) + 1, read(4) + 1];
  read(widthBits);
  read(heightBits);
  if (!isReduced && read(1) === 1) {
    read(7);
  }
  read(3);
  if (!isReduced) {
    passTools(read);
  }
  read(3);
  const isDeep = read(1) === 1;
  if (profile === 2 && isDeep) {
    read(1);
  }
  const isGrey = profile !== 1 && read(1) === 1;
  const [primaries, transfer, matrix] = read(1) === 1 ? [read(8), read(8), read(8)] : [2, 2, 2];
  // sRGB as it is has no range.
  const isPlainRgb = !isGrey && primaries === 1 && transfer === 13 && matrix === 0;
  return { isGrey, isFullRange: isPlainRgb || read(1) === 1 };
}

function passOperatingPoints(read: (bits: number) => number): void {
  let delayBits: number | undefined;
  if (read(1) === 1) {
    read(32);
    read(32);
    if (read(1) === 1) {
      let zeros = 0;
      while (zeros < 32 && read(1) === 0) {
        zeros += 1;
      }
      read(zeros);
    }
    if (read(1) === 1) {
      delayBits = read(5) + 1;
      read(32);
      read(10);
    }
  }
  const hasDisplayDelay = read(1) === 1;
  for (let points = read(5) + 1; points > 0; points--) {
    read(12);
    if (read(5) > 7) {
      read(1);
    }
    if (delayBits !== undefined && read(1) === 1) {
      read(delayBits);
      read(delayBits);
      read(1);
    }
    if (hasDisplayDelay && read(1) === 1) {
      read(4);
    }
  }
}

function passTools(read: (bits: number) => number): void {
  read(4);
  const hasOrder = read(1) === 1;
  if (hasOrder) {
    read(2);
  }
  const choosesScreenContent = read(1) === 1;
  if ((choosesScreenContent || read(1) === 1) && read(1) === 0) {
    read(1);
  }
  if (hasOrder) {
    read(3);
  }
}

/** Bits from the highest to the lowest; behind the end, zeros. */
function bitsOf(data: Buffer): { seek(bit: number): void; readonly read: (bits: number) => number } {
  let at = 0;
  return {
    seek: (bit) => {
      at = bit;
    },
    read: (bits) => {
      let value = 0;
      for (let left = bits; left > 0; left--, at++) {
        value = value * 2 + (((data[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
      }
      return value;
    },
  };
}
