// From a bare clone to something that runs: checks Node, installs the packages, compiles, obtains the servers. Does only
// what is missing, so that every command may call it first. Plain Node, because nothing is installed yet.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build, needsBuild } from './build.mjs';
import { withLock } from './lock.mjs';
import { ROOT, SetupError, isMain, main, runCommand } from './processes.mjs';
import { obtainServers } from './servers/obtain.mjs';
import { step, wrapped } from './told.mjs';

const NODE = [20, 19];

/**
 * Makes the checkout ready to run.
 * @param servers server programs to obtain: 'temporal', 'minio'
 */
export async function setUp({ servers = [] } = {}) {
  checkNode(process.versions.node);
  await withLock('setup', async () => {
    if (!(await packagesMatch())) {
      await step('installing packages (npm ci)', install);
      if (!(await packagesMatch())) {
        throw new SetupError('npm ci ended well, but node_modules does not match package-lock.json.');
      }
    }
    if (await needsBuild()) await step('compiling', build);
    await obtainServers(servers);
  });
}

/** @throws SetupError for a Node that is too old */
export function checkNode(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major > NODE[0] || (major === NODE[0] && minor >= NODE[1])) return;
  const text = `Node ${NODE.join('.')} or newer is needed, this is ${version}: install a current LTS from https://nodejs.org and start again.`;
  throw new SetupError(wrapped(text));
}

/**
 * Whether node_modules holds what package-lock.json says. npm writes its own copy of the lock file there as the last
 * act of an installation, so a broken-off one never matches.
 */
export async function packagesMatch(root = ROOT) {
  const wanted = await readPackages(path.join(root, 'package-lock.json'));
  const found = await readPackages(path.join(root, 'node_modules', '.package-lock.json'));
  if (wanted === null) throw new SetupError(`package-lock.json is missing or unreadable in ${root}.`);
  if (found === null) return false;
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === '') return true;
    const have = found[name];
    if (have === undefined) return entry.optional === true || entry.devOptional === true;
    return have.version === entry.version && have.integrity === entry.integrity;
  });
}

async function readPackages(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8')).packages ?? null;
  } catch {
    return null;
  }
}

async function install() {
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  // .npmrc switches install scripts off: onnxruntime-node's would download CUDA libraries, and fail without a network.
  const code = await runCommand(command, [...args, 'ci', '--no-audit', '--no-fund']);
  if (code !== 0) {
    throw new SetupError(
      `npm ci ended with code ${code}; its message stands above. It needs the package registry that npm is set up for.`,
    );
  }
}

if (isMain(import.meta.url)) {
  const usage = {
    command: 'npm run setup [-- --servers]',
    does: 'Installs the packages, compiles, and obtains the Temporal server; does only what is missing.',
    options: { '--servers': 'also MinIO, which the tests use' },
  };
  await main(usage, async (_names, flags) => {
    await setUp({ servers: flags['--servers'] ? ['temporal', 'minio'] : ['temporal'] });
    console.log('ready: try `npx assay --help`');
  });
}
