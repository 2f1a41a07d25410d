// Keeps pnpm's own lines out of what a user reads: the programs' output, and with --json
// their standard output, belong to the programs. An install that a command triggers first
// reports errors only, so that it takes a while is said first. (This file's checksum is in the lock file: install again after a change.)
const { existsSync } = require('node:fs');

const programs = new Set([
  'demo',
  'producer',
  'consumer',
  'gallery',
  'kafka:up',
  'kafka:down',
  'kafka:status',
  'start',
]);

function updateConfig(config) {
  process.env.TURBO_TELEMETRY_DISABLED = '1';
  if (process.argv.some((argument) => programs.has(argument))) {
    config.reporter = 'silent';
    process.env.npm_config_loglevel = 'error';
    if (!existsSync(`${__dirname}/node_modules`)) {
      process.stderr.write(
        'Installing dependencies and building, which takes about a minute the first time ...\n',
      );
    }
  }
  return config;
}

module.exports = { hooks: { updateConfig } };
