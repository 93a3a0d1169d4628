// Finds a server program on this machine; obtains nothing (that is obtain.mjs) and starts nothing but `--version`.
import { execFile } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { ResourceError } from '../schemas/errors.js';
import { packageRoot } from '../runtime/package-root.js';
import { SERVER_PROGRAMS, type ServerName, type ServerProgram } from './programs.js';

export interface LocateOptions {
  /** Environment to read; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Folder of programs that set-up obtained; `.cache/bin` of the project by default. */
  readonly cacheFolder?: string;
}

/** Where set-up puts the programs that it builds or downloads. */
export function serverCacheFolder(): string {
  return path.join(packageRoot(), '.cache', 'bin');
}

/**
 * Path of a usable server program: the one that the environment variable names (ASSAY_TEMPORAL, ASSAY_MINIO), else the
 * first of a sufficient version on PATH, else the one in the project's cache.
 * @throws ResourceError when there is none; the message lists what was looked at and the command that obtains it
 */
export async function locateServer(name: ServerName, options: LocateOptions = {}): Promise<string> {
  const { env = process.env, cacheFolder = serverCacheFolder() } = options;
  const program = SERVER_PROGRAMS[name];
  const named = env[program.variable];
  if (named) return requireUsable(program, named);
  const folders = [...(env['PATH'] ?? '').split(path.delimiter), cacheFolder];
  const refused: string[] = [];
  for (const folder of folders.filter(Boolean)) {
    const file = path.resolve(folder, name);
    if (!(await isProgram(file))) continue;
    const fault = await faultOf(program, file);
    if (fault === null) return file;
    refused.push(`${file} ${fault}`);
  }
  const found = refused.length === 0 ? 'none' : refused.join('; ');
  throw new ResourceError(
    `Expected ${program.wanted} on PATH or in ${cacheFolder}, found ${found}. ` +
      `Run \`npm run setup -- --servers\` to obtain it, or set ${program.variable} to the path of one.`,
    { server: name, refused },
  );
}

async function requireUsable(program: ServerProgram, file: string): Promise<string> {
  const fault = (await isProgram(file)) ? await faultOf(program, file) : 'is not a program';
  if (fault === null) return path.resolve(file);
  throw new ResourceError(
    `Expected ${program.wanted} at ${program.variable}, found that ${file} ${fault}. ` +
      `Correct ${program.variable}, or unset it and run \`npm run setup -- --servers\`.`,
    { server: program.name, file },
  );
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** Why a program will not do, or null when it will. */
async function faultOf(program: ServerProgram, file: string): Promise<string | null> {
  const text = await versionOf(file);
  if (text === null) return 'does not run';
  return program.accepts(text) ? null : `says "${text.split('\n')[0] ?? ''}"`;
}

function versionOf(file: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(file, ['--version'], { timeout: 30_000 }, (error, stdout) => {
      resolve(error ? null : stdout.trim());
    });
  });
}
