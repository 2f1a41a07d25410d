/** An option: how it is spelled, what its value may be, and what the help says of it. */
export interface OptionDefinition {
  /** `boolean` stands alone or takes true or false; `array` may be repeated, and every value counts. Default: `string`. */
  readonly type?: 'string' | 'boolean' | 'array';
  /** Other names. One of more than three letters is also taken in the environment and in a config file. */
  readonly alias?: string | readonly string[];
  /** The only values that are taken. */
  readonly choices?: readonly string[];
  /** Other spellings of choices, such as `jpg` for `jpeg`. */
  readonly synonyms?: Readonly<Record<string, string>>;
  /** What the text means. Throws a UsageError for one that means nothing. */
  readonly coerce?: (text: string) => unknown;
  /** The text that holds where none is given. */
  readonly default?: string;
  /** The same for the help alone, where the program works it out. */
  readonly defaultDescription?: string;
  /** There must be a value. */
  readonly demandOption?: boolean;
  readonly describe?: string;
  /** The heading in the help. */
  readonly group?: string;
}

/** Options by their names, without hyphens. */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>;

/** What options come to, inferred from their definitions. */
export type OptionValues<O extends OptionDefinitions> = {
  readonly [Name in keyof O]:
    | OptionValue<O[Name]>
    | (O[Name] extends { default: string } | { demandOption: true } ? never : undefined);
};

type OptionValue<D extends OptionDefinition> = D extends { coerce: (text: string) => infer Value }
  ? Value
  : D extends { type: 'boolean' }
    ? boolean
    : D extends { type: 'array' }
      ? readonly string[]
      : D extends { choices: readonly (infer Choice)[] }
        ? Choice
        : string;

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
  /** `$0` stands for the name. */
  readonly examples: readonly (readonly [command: string, explanation: string])[];
  /** What else can be asked for, by the word that then stands first. */
  readonly commands?: Readonly<Record<string, { readonly summary: string }>>;
  /** True where it is such a command itself: the completion script is the program's. */
  readonly isCommand?: boolean;
  /** Options that a config file may hold in addition, because other commands have them. */
  readonly otherOptions?: OptionDefinitions;
}
