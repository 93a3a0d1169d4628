// Server programs are found in the stated order, built or downloaded whole or not at all, and a process record never
// means another process.
import { execFile, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { locateServer } from '../../../servers/locate.js';
import {
  endProcess,
  isAlive,
  readProcessRecord,
  startTimeOf,
  writeProcessRecord,
} from '../../../servers/process-record.js';
import { atLeast, SERVER_PROGRAMS } from '../../../servers/programs.js';
import { loadScript, scriptPath } from './scripts.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

let folder: string;
beforeEach(() => {
  folder = temporaryFolderOfTest('programs');
});

const NEW = 'minio version RELEASE.2025-09-07T16-13-09Z';
const OLD = 'minio version RELEASE.2023-01-01T00-00-00Z';

/** A program that prints `text`, in a subfolder of the test's folder. */
async function program(place: string, text: string, name = 'minio'): Promise<string> {
  const file = path.join(folder, place, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho '${text}'\n`, { mode: 0o755 });
  return file;
}

describe('versions', () => {
  it('are compared part by part', () => {
    expect(atLeast([1, 28], [1, 28])).toBe(true);
    expect(atLeast([2, 0], [1, 28])).toBe(true);
    expect(atLeast([1, 9], [1, 28])).toBe(false);
    expect(atLeast([1], [1, 0])).toBe(true);
  });
  it.each([
    ['temporal', 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)', true],
    ['temporal', 'temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)', true],
    ['temporal', 'temporal version 1.1.0 (Server 1.25.0, UI 2.30.0)', false],
    ['temporal', 'something else', false],
    ['minio', NEW, true],
    ['minio', 'minio version DEVELOPMENT.GOGET (commit-id=DEVELOPMENT.GOGET)', true],
    ['minio', OLD, false],
  ] as const)('of %s: "%s" is accepted: %s', (name, text, accepted) => {
    expect(SERVER_PROGRAMS[name].accepts(text)).toBe(accepted);
  });
  it('are downloaded for systems that have a release, and no others', () => {
    const { download } = SERVER_PROGRAMS.temporal;
    expect(download('linux', 'x64')?.url).toMatch(/\/v1\.5\.1\/temporal_cli_1\.5\.1_linux_amd64\.tar\.gz$/);
    expect(download('linux', 's390x')).toBeNull();
    expect(SERVER_PROGRAMS.minio.download('sunos', 'x64')).toBeNull();
  });
});

describe('locating', () => {
  const locate = (env: NodeJS.ProcessEnv): Promise<string> =>
    locateServer('minio', { env, cacheFolder: path.join(folder, 'cache') });

  it('prefers the environment variable, then PATH, then the cache', async () => {
    const cached = await program('cache', NEW);
    expect(await locate({})).toBe(cached);
    const onPath = await program('path', NEW);
    const PATH = `${path.join(folder, 'none')}${path.delimiter}${path.dirname(onPath)}`;
    expect(await locate({ PATH })).toBe(onPath);
    const named = await program('named', NEW, 'my-minio');
    expect(await locate({ PATH, ASSAY_MINIO: named })).toBe(named);
  });
  it('passes over a program on PATH that is too old, broken or a folder', async () => {
    const cached = await program('cache', NEW);
    const old = await program('old', OLD);
    await mkdir(path.join(folder, 'dir', 'minio'), { recursive: true });
    const broken = path.join(folder, 'broken', 'minio');
    await mkdir(path.dirname(broken));
    await writeFile(broken, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const PATH = [path.dirname(old), path.join(folder, 'dir'), path.dirname(broken)].join(':');
    expect(await locate({ PATH })).toBe(cached);
  });
  it('says what it found and which command obtains one', async () => {
    const old = await program('old', OLD);
    await expect(locate({ PATH: path.dirname(old) })).rejects.toThrow(
      `Expected MinIO of 2024-12 or newer (conditional writes) on PATH or in ${folder}/cache, ` +
        `found ${old} says "${OLD}". Run \`npm run setup -- --servers\` to obtain it, ` +
        'or set ASSAY_MINIO to the path of one.',
    );
    await expect(locate({})).rejects.toThrow(/found none\. Run/);
  });
  it('does not fall back when the environment names a wrong one', async () => {
    await program('cache', NEW);
    const old = await program('old', OLD);
    await expect(locate({ ASSAY_MINIO: old })).rejects.toThrow(`found that ${old} says "${OLD}"`);
    await expect(locate({ ASSAY_MINIO: '/none' })).rejects.toThrow('/none is not a program');
  });
});

describe('obtaining', () => {
  /** Runs obtain.mjs in a process of its own, with nothing on PATH but `bin`. */
  const obtain = (): Promise<{ code: number; text: string }> => {
    const call = `import(${JSON.stringify(scriptPath('servers/obtain.mjs'))}).then((m) =>
      m.obtainServers(['minio'], { cacheFolder: ${JSON.stringify(path.join(folder, 'cache'))} }))
      .catch((e) => { console.log(e.message); process.exitCode = 1; });
      globalThis.fetch = () => Promise.reject(new Error('no internet access here'));`;
    const env = { PATH: path.join(folder, 'bin'), HOME: folder };
    return new Promise((resolve) => {
      execFile(process.execPath, ['-e', call], { env }, (error, stdout, stderr) => {
        resolve({ code: error ? 1 : 0, text: stdout + stderr });
      });
    });
  };
  const go = async (version: string, install: string): Promise<void> => {
    await mkdir(path.join(folder, 'bin'), { recursive: true });
    const text = `#!/bin/sh\nif [ "$1" = env ]; then echo ${version}; exit 0; fi\n${install}\n`;
    await writeFile(path.join(folder, 'bin', 'go'), text, { mode: 0o755 });
    for (const tool of ['chmod', 'cat', 'sleep']) {
      await symlink(`/bin/${tool}`, path.join(folder, 'bin', tool)).catch(() => undefined);
    }
  };
  const WRITE = `printf '#!/bin/sh\\necho "%s"\\n' '${NEW}' > "$GOBIN/minio"; chmod +x "$GOBIN/minio"`;
  const files = (): Promise<string[]> => readdir(path.join(folder, 'cache'));

  it('builds with Go, once, even when two ask at the same time', async () => {
    await go('go1.26.0', `echo "$@ $GOFLAGS" >> "${folder}/calls"; sleep 0.3; ${WRITE}`);
    const [a, b] = await Promise.all([obtain(), obtain()]);
    expect([a.code, b.code], a.text + b.text).toEqual([0, 0]);
    expect(await files()).toEqual(['minio']);
    const calls = (await readFile(path.join(folder, 'calls'), 'utf8')).trim().split('\n');
    expect(calls).toEqual([`install -v ${SERVER_PROGRAMS.minio.goPackage} -mod=mod`]);
  });
  it('takes no partial build for a whole one', async () => {
    await go('go1.26.0', `echo half > "$GOBIN/minio"; echo 'disk full' >&2; exit 1`);
    const { code, text } = await obtain();
    expect(code).toBe(1);
    expect(text).toContain('disk full');
    expect(text).toContain('go install ended with code 1');
    expect(await files()).toEqual([]);
  });
  it('refuses what was built when it does not run as the wanted version', async () => {
    await go('go1.26.0', WRITE.replace(NEW, OLD));
    const { code, text } = await obtain();
    expect(code).toBe(1);
    expect(text).toContain(`what was obtained says "${OLD}"`);
    expect(await files()).toEqual([]);
  });
  it('says what is needed when Go is too old and nothing can be downloaded', async () => {
    await go('go1.24.9', 'exit 9');
    const { code, text } = await obtain();
    expect(code).toBe(1);
    expect(text).toContain('Go 1.25 is needed to build it, this is 1.24');
    expect(text).toContain('no internet access here');
    expect(text.replaceAll('\n', ' ')).toMatch(/Install Go 1\.25 or newer .* or name its path in ASSAY_MINIO\./);
  });
  it('does nothing when the program is there', async () => {
    await program('cache', NEW);
    expect(await obtain()).toEqual({ code: 0, text: '' });
  });
});

describe('downloading', () => {
  const serve = async <T>(answer: RequestListener, use: (url: string) => Promise<T>): Promise<T> => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  };

  it('writes a program as it is served, and one out of an archive', async () => {
    const { downloadProgram } = await loadScript('servers/download.mjs');
    const file = await program('source', NEW);
    const body = await readFile(file);
    const target = path.join(folder, 'minio');
    await serve(
      (_, res) => res.end(body),
      (url) => downloadProgram({ url, kind: 'program' }, target),
    );
    expect(await readFile(target)).toEqual(body);

    const archive = path.join(folder, 'a.tar.gz');
    await run('tar', ['-czf', archive, '-C', path.dirname(file), 'minio']);
    await rm(target);
    const packed = await readFile(archive);
    await serve(
      (_, res) => res.end(packed),
      (url) => downloadProgram({ url, kind: 'tar.gz' }, target),
    );
    expect(await readFile(target)).toEqual(body);
  });
  it('fails on a refusal and on a body that breaks off', async () => {
    const { downloadProgram } = await loadScript('servers/download.mjs');
    const target = path.join(folder, 'minio');
    const get = (url: string): Promise<void> => downloadProgram({ url, kind: 'program' }, target);
    const refuse: RequestListener = (_, res) => res.writeHead(404).end();
    await expect(serve(refuse, get)).rejects.toThrow('HTTP 404');
    const breakOff: RequestListener = (_, res) => {
      res.writeHead(200, { 'content-length': '100' });
      res.write('short', () => res.destroy());
    };
    await expect(serve(breakOff, get)).rejects.toThrow();
  });
});

describe('process record', () => {
  it('is found while its process lives, and never means another process', async () => {
    const file = path.join(folder, 'record.json');
    const start = (await startTimeOf(process.pid)) ?? '';
    const record = { pid: process.pid, start, address: '127.0.0.1:1', info: { a: 'b' } };
    await writeProcessRecord(file, record);
    expect(await readProcessRecord(file)).toEqual(record);
    await writeProcessRecord(file, { ...record, start: '1' });
    expect(await readProcessRecord(file)).toBeNull();
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });
  it('that is damaged counts as none', async () => {
    const file = path.join(folder, 'record.json');
    await writeFile(file, '{"pid": 1');
    expect(await readProcessRecord(file)).toBeNull();
  });
  it('ends its process by SIGTERM, by SIGKILL where that is ignored, and spares a recycled pid', async () => {
    const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')";
    const child = spawn(process.execPath, ['-e', stubborn], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const ended = new Promise<NodeJS.Signals | null>((resolve) => {
      child.once('exit', (_, signal) => {
        resolve(signal);
      });
    });
    const pid = child.pid ?? 0;
    await endProcess({ pid, start: '1' }, 100);
    const start = (await startTimeOf(pid)) ?? '';
    expect(await isAlive({ pid, start })).toBe(true);
    await endProcess({ pid, start }, 200);
    expect(await ended).toBe('SIGKILL');
    expect(await isAlive({ pid, start })).toBe(false);
  });
});

function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(command, args, (error) => {
      if (error) reject(new Error(error.message));
      else resolve();
    });
  });
}
