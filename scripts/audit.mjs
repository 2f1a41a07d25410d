// Asks the registry for known weaknesses of what is installed.
//
// Exit codes: 0 none is known, 1 some are, 3 the registry did not answer.
import { spawnSync } from 'node:child_process';

const { stdout, error } = spawnSync('corepack', ['pnpm', 'audit', '--json', '--config.fetch-retries=0'], {
  encoding: 'utf8',
  maxBuffer: 2 ** 28,
});
const answer = parse(stdout);
if (answer?.advisories === undefined) {
  // pnpm ends with 0 here, and explains itself over several lines.
  const reason = (answer?.error?.message ?? error?.message ?? stdout).replaceAll(/\s+/g, ' ').slice(0, 300);
  console.error(`audit: the registry does not answer which weaknesses are known: ${reason}`);
  process.exitCode = 3;
} else {
  const advisories = Object.values(answer.advisories);
  for (const { severity, module_name: name, vulnerable_versions: versions, title, url } of advisories) {
    console.log(`${severity}: ${name} ${versions}: ${title} (${url})`);
  }
  console.log(`${advisories.length} known weaknesses`);
  process.exitCode = advisories.length === 0 ? 0 : 1;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
