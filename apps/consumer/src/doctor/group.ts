import { checkPermission, ok, problem, topicExists, warning } from '@image-stream/doctor';
import type { Check, Finding } from '@image-stream/doctor';
import { groupPlaces, openTopicClient } from '@image-stream/kafka-client';
import { consumerConfig } from '@image-stream/kafka-config';
import type { PlaceInPartition } from '@image-stream/kafka-client';
import { counted } from '@image-stream/program';

/** A group: who is in it, and how far it is behind. It is not joined. */
export function groupCheck(topic: string): Check {
  return {
    name: 'group',
    async run({ kafka, admin, probe, properties }) {
      if (!(await topicExists(admin, topic))) {
        return [];
      }
      const { group, read, fromBeginning } = consumerConfig(properties);
      const { groupId } = group;
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
      const client = await openTopicClient(kafka, topic, read);
      const places = await groupPlaces(client, admin, groupId, fromBeginning).finally(() => client.close());
      const behind = [...places.values()].reduce(
        (sum, { offset, high }) => sum + Math.max(0, Number(high - offset)),
        0,
      );
      if (state === 'Dead') {
        return [
          permission,
          ok('group', `${groupId} does not exist yet, and has ${counted(behind, 'record')} to read`),
        ];
      }
      const seen = `${groupId} has ${counted(members.length, 'member')} (${state}) and is ${counted(behind, 'record')} behind`;
      return [permission, membersFinding(seen, members.length, places.size), ...jumpFindings(topic, places)];
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

/** Where the group does not go on where it has committed. */
function jumpFindings(topic: string, places: ReadonlyMap<number, PlaceInPartition>): Finding[] {
  return [...places].flatMap(([partition, { jump, high }]) => {
    if (jump === undefined) {
      return [];
    }
    const { from, to, cause } = jump;
    const seen = {
      removed: `the records of ${topic}[${partition}] from offset ${from} to ${to - 1n} were removed before being read`,
      lost: `offset ${from} is committed for ${topic}[${partition}], which ends at ${high}: records were lost, or it was set by hand`,
      recreated: `${topic} was deleted and recreated since the group committed offset ${from} of partition ${partition}`,
    }[cause];
    return [
      warning('group', seen, `the consumer goes on at offset ${to}; what was saved is not saved again`),
    ];
  });
}
