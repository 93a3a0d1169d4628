// Commands that the set-up scripts start: their output is shown, their exit code returned. Plain Node, because it
// runs before anything is installed.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArguments } from './arguments.mjs';

/** The folder of package.json. */
export const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Whether a module is the script that Node was started with. */
export function isMain(moduleUrl) {
  const script = process.argv[1];
  return script !== undefined && realpathSync(script) === fileURLToPath(moduleUrl);
}

/**
 * Exit code of a command run in the project's folder with its output shown; 128 + n when signal n ended it.
 * @param onStart receives the child process, so that a caller can signal it
 */
export function runCommand(command, args, { env = {}, cwd = ROOT, stdio = 'inherit', onStart } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio, env: { ...process.env, ...env } });
    onStart?.(child);
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

/** What a short command prints on stdout, or null where it is missing or fails. */
export function outputOf(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.on('error', () => resolve(null));
    child.on('close', (code) => resolve(code === 0 ? text.trim() : null));
  });
}

/**
 * Start time of a live process in clock ticks since boot; '' where the system does not tell, null when there is none. One that has
 * ended and that nobody has waited for yet (a zombie) is none: a server that `assay down` ended may be one for seconds. The state is
 * that of the first thread: while others are at work, so is the process.
 */
export function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ended = fields[0] === 'Z' && readdirSync(`/proc/${pid}/task`).length <= 1;
    return ended ? null : (fields[19] ?? '');
  } catch {
    try {
      process.kill(pid, 0);
      return process.platform === 'linux' ? null : '';
    } catch {
      return null;
    }
  }
}

/** A mistake of the machine or of the checkout: shown as its text alone, without a stack. */
export class SetupError extends Error {}

/**
 * Runs a script's main function; its errors become one message and exit code 1. Help and mistakes on the command line are answered
 * before it is called (exit codes 0 and 2).
 * @param usage as `readArguments` takes it
 * @param body is given the names and flags
 */
export async function main(usage, body) {
  const given = readArguments(process.argv.slice(2), usage);
  if (given.help !== undefined) {
    console.log(given.help);
    return;
  }
  if (given.mistake !== undefined) {
    console.error(given.mistake);
    process.exitCode = 2;
    return;
  }
  try {
    process.exitCode = (await body(given.names, given.flags)) ?? 0;
  } catch (error) {
    // A full or read-only disk is the machine's fault as well: the system's own words say which file.
    const ofMachine = error instanceof SetupError || (typeof error?.syscall === 'string' && error.path !== undefined);
    console.error(ofMachine ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
