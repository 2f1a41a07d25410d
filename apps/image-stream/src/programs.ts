import type { OptionDefinitions, Program } from '@image-stream/program';

/** A program, by itself or with one of its commands. */
interface Offered {
  readonly program: Program<OptionDefinitions>;
  /** True where the word is that of a command of the program. */
  readonly isCommandOf?: boolean;
}

const consumer = async () => (await import('@image-stream/consumer/program')).consumer;
const ofConsumer = async (): Promise<Offered> => ({ program: await consumer(), isCommandOf: true });

/** Which program each word stands for; a program is loaded when it is asked for. Their commands are words of their own here. */
export const programs: Readonly<Record<string, () => Promise<Offered>>> = {
  send: async () => {
    const { producer } = await import('@image-stream/producer/program');
    return { program: { ...producer, commands: {} } };
  },
  receive: async () => ({ program: { ...(await consumer()), commands: {} } }),
  verify: ofConsumer,
  peek: ofConsumer,
  doctor: async () => ({ program: (await import('./doctor.ts')).doctor }),
  gallery: async () => ({ program: (await import('@image-stream/gallery/program')).gallery }),
  kafka: async () => ({ program: (await import('./kafka.ts')).kafka }),
};
