import type { Certificates } from './certificates.ts';
import { LocalKafkaError } from './local-kafka-error.ts';

/** How clients talk to the brokers, by Kafka's own names. */
export type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';

/** What kind of Kafka to start; without any option, one broker for plaintext clients on a free port. */
export interface KafkaOptions {
  /** One broker (the default) or three, each of them also a controller. */
  readonly brokers?: 1 | 3;
  /** The clients' port on 127.0.0.1, one for each broker. Default: free ports. */
  readonly ports?: readonly number[];
  /**
   * The port on 127.0.0.1 that each broker tells clients to connect to, such as that of a proxy in front of it. Default: the
   * one on which it listens.
   */
  readonly advertisedPorts?: readonly number[];
  /** Where each broker is, its `broker.rack`. Default: nowhere. */
  readonly racks?: readonly string[];
  /**
   * More listeners of the first broker, for plaintext clients: the `host:port` by which it calls itself to whoever connects
   * there, right or wrong, by a name in capitals. The cluster's `listeners` says where they are.
   */
  readonly listeners?: Readonly<Record<string, string>>;
  /** How clients connect. Default: `PLAINTEXT`. */
  readonly securityProtocol?: SecurityProtocol;
  /** Required for `SSL` and `SASL_SSL`: what `createCertificates` made. */
  readonly certificates?: Certificates;
  /** Whether clients must show a certificate over `SSL` or `SASL_SSL`. Default: `none`. */
  readonly clientAuth?: 'none' | 'requested' | 'required';
  /**
   * Required for `SASL_PLAINTEXT` and `SASL_SSL`: passwords by user name. Names are made of letters, digits,
   * `.`, `_` and `-`. Each user can log in with each of `PLAIN`, `SCRAM-SHA-256` and `SCRAM-SHA-512`.
   */
  readonly users?: Readonly<Record<string, string>>;
  /**
   * Broker settings by Kafka's own names, such as `{ 'message.max.bytes': '10485760' }`; they win over this
   * package's. With an authorizer, `User:ANONYMOUS` is always added to `super.users`, because the brokers talk
   * to each other without authentication: let clients authenticate, or none of them is ever refused.
   */
  readonly config?: Readonly<Record<string, string>>;
  /**
   * The oldest version that the programs of this project work with, with a ZooKeeper beside it: one broker, for plaintext clients.
   * Default: the one in pom.xml.
   */
  readonly version?: '2.1';
  /** Called with one line of text when something takes long, such as the first download. Default: silent. */
  readonly report?: (message: string) => void;
}

/** Throws `INVALID_OPTIONS` for what would otherwise show up as a puzzling failure of the broker. */
export function checkOptions(options: KafkaOptions): void {
  const { brokers = 1, securityProtocol = 'PLAINTEXT', certificates, clientAuth, users, version } = options;
  if (version !== undefined && (brokers !== 1 || securityProtocol !== 'PLAINTEXT')) {
    throw invalid(
      `version ${version} has one broker for PLAINTEXT clients, not ${brokers} for ${securityProtocol}`,
    );
  }
  for (const name of ['ports', 'advertisedPorts', 'racks'] as const) {
    const count = options[name]?.length ?? brokers;
    if (count !== brokers) {
      throw invalid(`${name} names ${count} port(s) for ${brokers} broker(s); name one for each broker`);
    }
  }
  if (securityProtocol.endsWith('SSL') !== (certificates !== undefined)) {
    throw invalid(
      `certificates are needed for SSL and SASL_SSL, and only there, not for ${securityProtocol}`,
    );
  }
  if (clientAuth !== undefined && certificates === undefined) {
    throw invalid(`clientAuth '${clientAuth}' needs SSL or SASL_SSL, not ${securityProtocol}`);
  }
  if (securityProtocol.startsWith('SASL') !== (users !== undefined)) {
    throw invalid(
      `users are needed for SASL_PLAINTEXT and SASL_SSL, and only there, not for ${securityProtocol}`,
    );
  }
  for (const name of Object.keys(users ?? {})) {
    if (!/^[\w.-]+$/.test(name)) {
      throw invalid(`the user name '${name}' has characters other than letters, digits, '.', '_' and '-'`);
    }
  }
}

function invalid(problem: string): LocalKafkaError {
  return new LocalKafkaError('INVALID_OPTIONS', `Cannot start Kafka: ${problem}.`);
}
