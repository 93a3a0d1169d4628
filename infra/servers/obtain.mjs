// Obtains the server programs that a local stack needs: found → nothing; else built by Go; else downloaded. A program
// appears in the cache whole or not at all. Runs after the build, because it shares its table with the product.
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { withLock } from '../lock.mjs';
import { ROOT, SetupError, isMain, main, outputOf, runCommand } from '../processes.mjs';
import { wrapped } from '../told.mjs';
import { downloadProgram } from './download.mjs';

const CACHE = path.join(ROOT, '.cache', 'bin');

/** Makes sure that each named server program ('temporal', 'minio') can be located. */
export async function obtainServers(names, { cacheFolder = CACHE } = {}) {
  if (names.length === 0) return;
  const { locateServer } = await compiled('locate.js');
  const { SERVER_PROGRAMS } = await compiled('programs.js');
  const missing = async (name) => {
    try {
      await locateServer(name, { cacheFolder });
      return false;
    } catch (error) {
      if (process.env[SERVER_PROGRAMS[name].variable]) throw new SetupError(error.message);
      return true;
    }
  };
  for (const name of names) {
    if (!(await missing(name))) continue;
    await withLock(`obtain-${name}`, async () => {
      if (await missing(name)) await obtain(SERVER_PROGRAMS[name], cacheFolder);
    });
  }
}

async function compiled(file) {
  const full = path.join(ROOT, 'dist', 'servers', file);
  if (!existsSync(full)) throw new SetupError('dist/ is missing: run `npm run setup`.');
  return import(pathToFileURL(full).href);
}

async function obtain(program, cacheFolder) {
  await mkdir(cacheFolder, { recursive: true });
  const scratch = await mkdtemp(path.join(cacheFolder, `.${program.name}-`));
  const file = path.join(scratch, program.name);
  const tried = [];
  try {
    for (const way of [buildByGo, download]) {
      const start = Date.now();
      const fault = (await way(program, file)) ?? (await faultOf(program, file));
      if (fault === null) {
        await rename(file, path.join(cacheFolder, program.name));
        console.log(`set-up: ${program.name} is ready: ${((Date.now() - start) / 1000).toFixed(0)} s`);
        return;
      }
      console.log(`set-up: ${program.name}: ${fault}`);
      tried.push(fault);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  const remedy =
    `Install Go ${program.go.join('.')} or newer (https://go.dev/dl), or allow access to the internet, and start again; ` +
    `or put a program on PATH, or name its path in ${program.variable}.`;
  const failed = `${program.wanted} is needed and could not be obtained: ${tried.join('; ')}.`;
  throw new SetupError(`${wrapped(failed)}\n${wrapped(remedy)}`);
}

/** Builds the program with Go into `file`. @returns why that was not possible, or null */
async function buildByGo(program, file) {
  const version = /go(\d+)\.(\d+)/.exec((await outputOf('go', ['env', 'GOVERSION'])) ?? '');
  if (version === null) return 'there is no Go on PATH to build it with';
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major < program.go[0] || (major === program.go[0] && minor < program.go[1])) {
    return `Go ${program.go.join('.')} is needed to build it, this is ${major}.${minor}`;
  }
  console.log(`set-up: building ${program.name} with Go ${major}.${minor}; this takes some minutes, once`);
  console.log(`  ${program.goPackage}`);
  let packages = 0;
  const start = Date.now();
  const report = () => console.log(progressLine(program.name, packages, Math.round((Date.now() - start) / 1000)));
  const timer = setInterval(report, 20_000);
  const lastLines = [];
  const code = await runCommand('go', ['install', '-v', program.goPackage], {
    // A GOFLAGS of -mod=vendor would refuse a package outside the main module; -mod=mod never does.
    env: { GOBIN: path.dirname(file), GOFLAGS: `${process.env.GOFLAGS ?? ''} -mod=mod`.trim() },
    cwd: path.dirname(file),
    stdio: ['ignore', 'inherit', 'pipe'],
    onStart: (child) => {
      child.stderr.setEncoding('utf8');
      child.stderr.on('data', (text) => {
        const lines = text.split('\n').filter(Boolean);
        packages += lines.length;
        lastLines.push(...lines);
        lastLines.splice(0, lastLines.length - 15);
      });
    },
  }).finally(() => clearInterval(timer));
  if (code === 0) return null;
  console.log(lastLines.join('\n'));
  return `go install ended with code ${code}`;
}

/** What is said of a build every 20 s; Go names its packages only once it has read them all. */
export function progressLine(name, packages, seconds) {
  const done = packages === 0 ? 'Go is still fetching what it is made of' : `${packages} packages compiled`;
  return `set-up: ${name}: ${done} after ${seconds} s`;
}

/** Downloads the released program into `file`. @returns why that was not possible, or null */
async function download(program, file) {
  const source = program.download(process.platform, process.arch);
  if (source === null) return `there is no released program for ${process.platform} ${process.arch}`;
  console.log(`set-up: downloading ${program.name}\n  ${source.url}`);
  try {
    await downloadProgram(source, file);
    return null;
  } catch (error) {
    return `${source.url} could not be downloaded (${error.cause?.code ?? error.message})`;
  }
}

async function faultOf(program, file) {
  if (!existsSync(file)) return `${program.name} was not in what was obtained`;
  await chmod(file, 0o755);
  const text = await outputOf(file, ['--version']);
  if (text === null) return 'what was obtained does not run';
  return program.accepts(text) ? null : `what was obtained says "${text.split('\n')[0]}"`;
}

if (isMain(import.meta.url)) {
  const usage = {
    command: 'node infra/servers/obtain.mjs [NAME…]',
    does: 'Obtains server programs: all, or those named. Needs a compiled dist/.',
    names: { temporal: 'the Temporal server', minio: 'MinIO, an S3-compatible store' },
  };
  await main(usage, (names) => obtainServers(names.length > 0 ? names : Object.keys(usage.names)));
}
