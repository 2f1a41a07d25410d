import { checkPermission, ok, problem, warning } from '@image-stream/doctor';
import type { Check, Finding } from '@image-stream/doctor';
import { createLagReader } from '@image-stream/kafka-config';
import { counted } from '@image-stream/program';

/** A group: who is in it, and how far it is behind. It is not joined. */
export function groupCheck(topic: string, groupId: string, fromBeginning: boolean): Check {
  return {
    name: 'group',
    async run({ admin, probe }) {
      const permission = checkPermission(
        `read as group ${groupId}`,
        `--operation Read --group ${groupId}`,
        await probe.mayJoin(groupId),
      );
      if (permission.status === 'problem') {
        return [permission];
      }
      const { groups } = await admin.describeGroups([groupId]);
      const { state, members, protocolType } = groups[0]!;
      if (protocolType !== '' && protocolType !== 'consumer') {
        return [
          permission,
          problem(
            'group',
            `${groupId} is a group of type ${protocolType}, not of consumers`,
            'choose another --group-id',
          ),
        ];
      }
      const lag = await createLagReader(admin, topic, groupId, fromBeginning)();
      const behind = [...lag.values()].reduce((sum, records) => sum + records, 0);
      if (state === 'Dead') {
        return [
          permission,
          ok('group', `${groupId} does not exist yet, and has ${counted(behind, 'record')} to read`),
        ];
      }
      const seen = `${groupId} has ${counted(members.length, 'member')} (${state}) and is ${counted(behind, 'record')} behind`;
      return [permission, membersFinding(seen, members.length, lag.size)];
    },
  };
}

function membersFinding(seen: string, members: number, partitions: number): Finding {
  return members >= partitions
    ? warning(
        'group',
        `${seen}; there ${members === 1 ? 'is' : 'are'} ${counted(members, 'member')} for ${counted(partitions, 'partition')}`,
        'another consumer of this group would only be a spare; add partitions for more to work at once',
      )
    : ok('group', seen);
}
