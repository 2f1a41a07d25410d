import type { Permission } from '@image-stream/kafka-client';
import { ok, problem, warning } from '@image-stream/program';
import type { Finding } from '@image-stream/program';

/**
 * @param act what the program has to do, such as `write to topic data-stream`
 * @param acl what `kafka-acls.sh --add` needs in addition to who, such as `--operation Write --topic data-stream`
 */
export function checkPermission(act: string, acl: string, permission: Permission): Finding {
  if (permission === undefined) {
    return warning('permission', `whether this user may ${act} could not be told`, 'try it with one image');
  }
  return permission
    ? ok('permission', `may ${act}`)
    : problem(
        'permission',
        `may not ${act}`,
        `give this user an ACL on the broker: kafka-acls.sh --add --allow-principal User:<name> ${acl}`,
      );
}
