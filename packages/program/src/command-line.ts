import type { InferredOptionTypes, Options } from 'yargs';

/** Option definitions as yargs takes them; what they parse to is inferred. */
export type OptionDefinitions = Record<string, Options>;
export type OptionValues<O extends OptionDefinitions> = InferredOptionTypes<O>;

/** A command line: what it is called, and what it understands. */
export interface CommandLine<O extends OptionDefinitions> {
  /** As a user types it, for usage lines. */
  readonly name: string;
  readonly version: string;
  /** One sentence on what the program does. */
  readonly summary: string;
  readonly options: O;
  /** What the arguments that are no options are; absent where there are none. */
  readonly inputs?: { readonly name: string; readonly describe: string };
  readonly examples: readonly (readonly [command: string, explanation: string])[];
  /** What else can be asked for, by the word that then stands first. */
  readonly commands?: Readonly<Record<string, { readonly summary: string }>>;
  /** True where it is such a command itself: the completion script is the program's. */
  readonly isCommand?: boolean;
  /** Options that a config file may hold in addition, because other commands have them. */
  readonly otherOptions?: OptionDefinitions;
}
