// What is left when everything has ended: processes that belong to the proof's folder, spool folders, temporary files.
import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';

/** Everything that should not be there any more. */
export async function leftovers(folder: string, workers: readonly string[]): Promise<string[]> {
  const processes = await processesOf(folder);
  const files = await Promise.all(
    workers.map(async (worker) => {
      const [spool, children] = await Promise.all([
        list(path.join(worker, 'spool')),
        list(path.join(worker, 'children')),
      ]);
      return [...spool, ...children];
    }),
  );
  const temporaries = (await readdir(folder, { recursive: true }).catch(() => [])).filter((name) =>
    /(^|\/)\d+\.\d+\.[\w-]+\.[0-9a-f-]{36}$|\.part$|\.tmp$/.test(name),
  );
  return [
    ...processes,
    ...files.flat().map((file) => `left: ${path.relative(folder, file)}`),
    ...temporaries.map((file) => `temporary file: ${file}`),
  ];
}

async function list(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => path.join(folder, name));
}

/** Living processes that were started in the folder or name it. */
async function processesOf(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      const own = command !== '' && (command.includes(folder) || cwd.startsWith(folder));
      return own ? [`process ${pid}: ${command.replaceAll('\0', ' ').slice(0, 200)}`] : [];
    }),
  );
  return found.flat();
}
