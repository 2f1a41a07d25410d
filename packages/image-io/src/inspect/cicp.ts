/** Of sRGB and what shows like it, BT.709 and BT.601. https://www.itu.int/rec/T-REC-H.273, tables 2 and 3; 2 is unspecified. */
const usualPrimaries = new Set([1, 2, 5, 6]);
const usualTransfers = new Set([1, 2, 4, 5, 6, 13, 14, 15]);

/** What code points say of colours that would be taken for sRGB when an image is re-encoded; undefined where they show like it. */
export function unusualColours(primaries: number, transfer: number): string | undefined {
  return usualPrimaries.has(primaries) && usualTransfers.has(transfer)
    ? undefined
    : `is in colours beyond sRGB (primaries ${primaries}, transfer ${transfer} of ITU-T H.273)`;
}
