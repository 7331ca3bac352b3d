#!/usr/bin/env node
import './frugal.ts';
import { main } from './commands/main.ts';

// A reader that went away (`| head`) or a full disk behind a redirection must not end a run between stop and start.
// There is nobody left to be told.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exitCode = await main({
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
});
