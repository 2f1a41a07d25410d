import { KafkaConfigError } from './errors.ts';
import type { KafkaProperties } from './known-properties.ts';
import type { TokenProvider } from './oauth-bearer.ts';

/*
 * IAM of Amazon MSK. Its brokers take what Java clients call AWS_MSK_IAM also as OAUTHBEARER, with a signed URL as the token, as all
 * other clients do. https://github.com/aws/aws-msk-iam-auth names the options of `sasl.jaas.config`.
 */

const honoured = ['awsProfileName', 'awsRoleArn', 'awsRoleSessionName', 'awsRoleExternalId', 'awsStsRegion'];

/** They say how often to try, and what to log; or, that no other credentials are to be taken, which is so in any case. */
const harmless = ['awsAddDefaultProviders', 'awsDebugCreds', 'awsMaxBackOffTimeMs', 'awsMaxRetries'];

/**
 * Tokens that are signed with AWS credentials: those of a profile or a role that `sasl.jaas.config` names, else those that all
 * programs for AWS find. The packages for that are loaded here.
 *
 * @throws KafkaConfigError `INVALID_PROPERTY`; from `get`: `AUTHENTICATION_FAILED` where there are no credentials
 */
export async function awsIamTokens(
  properties: KafkaProperties,
  jaas: ReadonlyMap<string, string>,
): Promise<TokenProvider> {
  for (const name of jaas.keys()) {
    if (![...honoured, ...harmless].includes(name)) {
      const message = `${name} in sasl.jaas.config is not supported; ${honoured.join(', ')} are`;
      throw new KafkaConfigError('INVALID_PROPERTY', message);
    }
  }
  const region = regionOf(properties['bootstrap.servers'] ?? []);
  const { signer, providers } = await loadAws();
  const find = keptWhileValid(credentials(providers, jaas, region));
  return {
    get: async () => {
      try {
        const { token } = await signer.generateAuthTokenFromCredentialsProvider({
          region,
          awsCredentialsProvider: async () => {
            // Without the end of its life, by which the signer makes a fraction of a second that is no valid time.
            const { expiration: _end, ...identity } = await find();
            return identity;
          },
        });
        return token;
      } catch (error) {
        const problem = (error as Error).message.replaceAll(/\s+/g, ' ');
        throw new KafkaConfigError(
          'AUTHENTICATION_FAILED',
          `no AWS credentials to log in with: ${problem}; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ` +
            'give this machine a role',
          { cause: error },
        );
      }
    },
    refused: () => {},
    advice: `its IAM policy allows kafka-cluster:Connect, the region is ${region}, and the clock of this machine is right`,
  };
}

/** Java clients take it from the name of a broker, too: `b-1.images.a1b2c3.c2.kafka.eu-west-1.amazonaws.com`. */
function regionOf(servers: readonly string[]): string {
  const inName = servers.map((server) => /\.([a-z]{2}(?:-[a-z]+)+-\d+)\./.exec(server)?.[1]).find(Boolean);
  const region = inName ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? '';
  if (region === '') {
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `bootstrap.servers ${servers.join(', ')} names no AWS region; set AWS_REGION`,
    );
  }
  return region;
}

async function loadAws() {
  // It tells on Node 20 that versions of 2027 will not support it, which helps no user of a program that brings its own.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  try {
    const [signer, providers] = await Promise.all([
      import('aws-msk-iam-sasl-signer-js'),
      import('@aws-sdk/credential-providers'),
    ]);
    return { signer, providers };
  } catch (error) {
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      'a login with AWS IAM needs two packages: npm install aws-msk-iam-sasl-signer-js @aws-sdk/credential-providers',
      { cause: error },
    );
  }
}

interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Longer than a token is valid, which is a quarter of an hour. */
const renewBeforeMs = 20 * 60_000;

/** Credentials that are lent for a time serve all logins: each loan is a request to AWS, which limits them. */
function keptWhileValid(find: () => Promise<Identity>): () => Promise<Identity> {
  let kept: Identity | undefined;
  return async () => {
    const expires = kept?.expiration?.getTime() ?? 0;
    if (kept === undefined || expires - Date.now() < renewBeforeMs) {
      kept = await find();
    }
    return kept;
  };
}

/** What finds credentials. */
function credentials(
  providers: Awaited<ReturnType<typeof loadAws>>['providers'],
  jaas: ReadonlyMap<string, string>,
  region: string,
) {
  const [profile, role] = [jaas.get('awsProfileName'), jaas.get('awsRoleArn')];
  if (profile !== undefined && role !== undefined) {
    throw new KafkaConfigError(
      'CONTRADICTION',
      'awsProfileName and awsRoleArn in sasl.jaas.config exclude one another',
    );
  }
  const clientConfig = { region: jaas.get('awsStsRegion') ?? region };
  if (profile !== undefined) {
    return providers.fromIni({ profile, clientConfig });
  }
  if (role === undefined) {
    return providers.fromNodeProviderChain({ clientConfig });
  }
  return providers.fromTemporaryCredentials({
    params: {
      RoleArn: role,
      RoleSessionName: jaas.get('awsRoleSessionName') ?? 'image-stream',
      ExternalId: jaas.get('awsRoleExternalId'),
    },
    clientConfig,
  });
}
