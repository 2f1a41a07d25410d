import { createHash } from 'node:crypto';
import fc from 'fast-check';

// Property tests try the same values every day, so that a change cannot fail by chance. FUZZ_SEED gives others.
const seed = createHash('sha256')
  .update(process.env['FUZZ_SEED'] ?? 'everyday')
  .digest()
  .readInt32BE();
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
