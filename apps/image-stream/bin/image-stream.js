#!/usr/bin/env node
// A file that is there before anything is built, so that pnpm can link to it.
await import('../dist/js/main.js');
