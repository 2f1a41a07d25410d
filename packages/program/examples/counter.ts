import { emptySummary, integer, outputOptions, runProgram } from '@image-stream/program';
import type { OptionDefinitions } from '@image-stream/program';

const options = {
  'num-images': {
    alias: 'n',
    demandOption: true,
    coerce: integer('--num-images', 1),
    describe: 'How far to count',
  },
  ...outputOptions,
} as const satisfies OptionDefinitions;

await runProgram({
  name: 'counter',
  version: '1.0.0',
  summary: 'Counts images that nobody sends.',
  options,
  examples: [['$0 -n 3', 'counts to three']],
  verb: 'counted',
  knownErrors: [],
  async run({ values, logger, progress, signal }) {
    let images = 0;
    progress.start(() => `${images} counted`, logger);
    while (images < values['num-images'] && !signal.aborted) {
      images++;
    }
    return { ...emptySummary, images, seconds: 1, imagesPerSecond: images };
  },
});
