/** Why a connection failed, and what to check. */
interface ConnectionProblem {
  readonly code: 'UNREACHABLE' | 'AUTHENTICATION_FAILED';
  readonly problem: string;
  readonly advice: string;
}

/** What to check, by who gave the address: the user, or a broker in its answer. */
interface Advice {
  readonly given: string;
  readonly advertised: string;
}

const address: Advice = {
  given: 'check --bootstrap-servers and that the broker runs',
  advertised:
    'check that it runs, and that advertised.listeners on that broker names a host and port at which this machine reaches it',
};
const protocol: Advice = {
  given: 'check security.protocol and the port',
  advertised:
    'check that advertised.listeners on that broker names the port of a listener with the security.protocol of this client',
};

/** What an error's code and message look like, what to say instead, if anything, and the advice. */
const known: readonly { looks: RegExp; says?: string; advice: Advice | string }[] = [
  {
    looks: /ENOTFOUND|EAI_AGAIN/,
    says: 'the host name does not resolve',
    advice: { ...address, given: 'check --bootstrap-servers and the DNS' },
  },
  { looks: /ECONNREFUSED/, says: 'nothing listens there', advice: address },
  { looks: /EHOSTUNREACH|ENETUNREACH/, says: 'no route leads there', advice: address },
  {
    looks: /no answer|timeout|ETIMEDOUT/i,
    advice: {
      ...address,
      given: 'check --bootstrap-servers, the firewall, and that security.protocol fits the port',
    },
  },
  {
    looks: /timed out/,
    says: 'it takes the connection, and does not answer',
    advice: { ...address, given: `${address.given}, and that security.protocol fits the port` },
  },
  { looks: /A response cannot have/, says: 'what answers there is not Kafka', advice: address },
  {
    // Before the next, whose ECONNRESET it also carries.
    looks: /before secure TLS connection|WRONG_VERSION_NUMBER|EPROTO/,
    says: 'the server does not speak TLS there',
    advice: protocol,
  },
  {
    looks: /closed connection|connection closed|ECONNRESET|EPIPE/i,
    says: 'the server closed the connection, as it does when it expects TLS or SASL',
    advice: protocol,
  },
  {
    looks: /CERT_HAS_EXPIRED/,
    says: "the broker's certificate has expired",
    advice: 'renew it on the broker, or correct the clock of this machine',
  },
  {
    looks: /CERT_NOT_YET_VALID/,
    says: "the broker's certificate is not valid yet",
    advice: 'correct the clock of this machine, or renew the certificate on the broker',
  },
  {
    looks: /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/,
    advice: "check that ssl.truststore.location holds the authority of the broker's certificate",
  },
  {
    looks: /ALTNAME_INVALID/,
    advice: {
      given:
        "use a host in --bootstrap-servers that the broker's certificate names, or have the broker's certificate " +
        'name this one and those of advertised.listeners',
      advertised:
        'have advertised.listeners on that broker name a host that its certificate names, or the certificate name this one',
    },
  },
];

/**
 * Explains an error of a connection.
 *
 * @param isAdvertised whether a broker gave the address, not the user
 */
export function connectionProblem(error: Error, isAdvertised: boolean): ConnectionProblem {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (/BAD_CERTIFICATE|CERTIFICATE_REQUIRED/.test(code)) {
    const problem = `the broker asks for a certificate of this client and got none (${reason(message)})`;
    return { code: 'AUTHENTICATION_FAILED', problem, advice: 'set ssl.keystore.*' };
  }
  if (/ALERT_.*(CERTIFICATE|UNKNOWN_CA)/.test(code)) {
    const problem = `the broker refused the client's certificate (${reason(message)})`;
    const advice =
      "check that the one of ssl.keystore.* has not expired, and that the broker's trust store holds its authority";
    return { code: 'AUTHENTICATION_FAILED', problem, advice };
  }
  const match = known.find(({ looks }) => looks.test(`${code} ${message}`));
  const { advice = address, says = reason(message) } = match ?? {};
  return {
    code: 'UNREACHABLE',
    problem: says,
    advice: typeof advice === 'string' ? advice : advice[isAdvertised ? 'advertised' : 'given'],
  };
}

/** The words for people in `Connection error: 803C:error:0A000412:SSL routines:ssl3_read_bytes:<words>:...` */
function reason(message: string): string {
  const [, words] = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(message) ?? [];
  return words ?? message.replace(/^(Connection error|Failed to connect): /, '').trim();
}
