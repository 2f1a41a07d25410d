import { pbkdf2Sync, randomBytes } from 'node:crypto';

const SCRAM_MECHANISMS = [
  { mechanism: 'SCRAM-SHA-256', hash: 'sha256', hashBytes: 32 },
  { mechanism: 'SCRAM-SHA-512', hash: 'sha512', hashBytes: 64 },
];
const SCRAM_ITERATIONS = 4096;

type Users = Readonly<Record<string, string>>;

/** Lets each user log in to the clients' listener with each mechanism; has the passwords for PLAIN. */
export function saslProperties(users: Users): Record<string, string> {
  const plainUsers = Object.entries(users).map(([name, password]) => `user_${name}=${jaasString(password)}`);
  return {
    'listener.name.client.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    ...loginModule('PLAIN', 'plain.PlainLoginModule', plainUsers),
    ...loginModule('SCRAM-SHA-256', 'scram.ScramLoginModule', []),
    ...loginModule('SCRAM-SHA-512', 'scram.ScramLoginModule', []),
  };
}

/**
 * The arguments of Kafka's storage tool that put the users' SCRAM credentials into the first metadata. It takes
 * a password only if that has no comma, so it gets what SCRAM derives from the password.
 */
export function scramArguments(users: Users): string[] {
  return Object.entries(users).flatMap(([name, password]) =>
    SCRAM_MECHANISMS.flatMap(({ mechanism, hash, hashBytes }) => {
      const salt = randomBytes(16);
      const salted = pbkdf2Sync(password, salt, SCRAM_ITERATIONS, hashBytes, hash).toString('base64');
      const credential = `salt="${salt.toString('base64')}",saltedpassword="${salted}"`;
      return ['--add-scram', `${mechanism}=[name=${name},iterations=${SCRAM_ITERATIONS},${credential}]`];
    }),
  );
}

function loginModule(mechanism: string, module: string, options: readonly string[]): Record<string, string> {
  const name = `listener.name.client.${mechanism.toLowerCase()}.sasl.jaas.config`;
  return { [name]: `org.apache.kafka.common.security.${module} required ${options.join(' ')};` };
}

function jaasString(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
