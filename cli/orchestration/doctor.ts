// doctor: versions, devices, servers, the store, Temporal: what is there, and what to do about what is not.
import { doctorDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { AssayError } from '../../schemas/errors.js';
import { locateServer } from '../../servers/locate.js';
import { probeDevices } from '../../runtime/devices.js';
import { probeStore } from '../../storage/probe/probe-store.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { CommandContext } from '../command.js';
import { openChosenStore } from '../store-choice.js';
import { withTemporal } from './temporal-client.js';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  readonly remedy: string | null;
  /** A missing optional thing is told, but does not fail the check. */
  readonly optional?: boolean;
}

const NODE = [20, 19] as const;

export async function doctor(context: CommandContext): Promise<number> {
  const checks = [
    nodeCheck(),
    ...(await deviceChecks()),
    ...(await serverChecks()),
    ...(await storeChecks(context)),
    await temporalCheck(context),
  ];
  const ok = checks.every((check) => check.ok || check.optional === true);
  const rows = checks.map(({ name, ok: fine, found, remedy }) => ({
    name,
    ok: fine,
    found,
    remedy,
  }));
  context.output.result(doctorDocument, { ok, checks: rows }, () => checks.map(line).join('\n'));
  return ok ? EXIT.done : EXIT.failed;
}

function line({ name, ok, found, remedy, optional }: Check): string {
  const mark = ok ? 'ok     ' : optional ? 'absent ' : 'FAILED ';
  return `${mark} ${name.padEnd(22)} ${found}${!ok && remedy !== null ? `\n        → ${remedy}` : ''}`;
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > NODE[0] || (major === NODE[0] && minor >= NODE[1]);
  return {
    name: 'Node.js',
    ok,
    found: process.versions.node,
    remedy: ok ? null : `install Node.js ${NODE.join('.')} or newer`,
  };
}

async function deviceChecks(): Promise<Check[]> {
  const devices = await probeDevices();
  const runtime: Check = {
    name: 'ONNX Runtime',
    ok: true,
    found: `${devices.ort}, CPU class ${devices.cpu}, ${devices.cores} cores`,
    remedy: null,
  };
  const providers = devices.providers.map(({ provider, loads, reason }): Check => ({
    name: `provider ${provider}`,
    ok: loads,
    optional: provider !== 'cpu',
    found: loads ? 'loads' : firstLine(reason ?? ''),
    remedy:
      provider === 'cpu'
        ? 'reinstall the packages (npm ci)'
        : provider === 'cuda'
          ? 'for NVIDIA cards: see "GPU workers" in docs/operations.md'
          : 'needs a Vulkan driver (libvulkan)',
  }));
  return [runtime, ...providers];
}

async function serverChecks(): Promise<Check[]> {
  const one = async (name: 'temporal' | 'minio', optional: boolean): Promise<Check> => {
    try {
      return { name: `program ${name}`, ok: true, found: await locateServer(name), remedy: null };
    } catch (error) {
      return {
        name: `program ${name}`,
        ok: false,
        optional,
        found: 'not found',
        remedy: message(error),
      };
    }
  };
  return [await one('temporal', true), await one('minio', true)];
}

async function storeChecks(context: CommandContext): Promise<Check[]> {
  let store: ObjectStore | null = null;
  try {
    store = await openChosenStore(await context.chooseStore(), context.output);
    const results = await probeStore(store);
    const { url } = store;
    return results.map(({ check, ok, detail }) => ({
      name: `store: ${check}`,
      ok,
      found: `${detail} (${url})`,
      remedy: ok ? null : 'use another store; docs/operations.md lists those that keep the promises',
    }));
  } catch (error) {
    const named = context.storeOption !== null || context.environment.store !== null;
    return [
      {
        name: 'store',
        ok: false,
        optional: !named,
        found: 'none chosen or not usable',
        remedy: message(error),
      },
    ];
  } finally {
    await store?.close();
  }
}

async function temporalCheck(context: CommandContext): Promise<Check> {
  try {
    return await withTemporal(context, async (client, at) => {
      const info = await client.workflowService.getSystemInfo({});
      return {
        name: 'Temporal',
        ok: true,
        found: `server ${info.serverVersion} at ${at.address}`,
        remedy: null,
      };
    });
  } catch (error) {
    return {
      name: 'Temporal',
      ok: false,
      optional: true,
      found: 'no server answers',
      remedy: message(error),
    };
  }
}

function message(error: unknown): string {
  return error instanceof AssayError || error instanceof Error ? firstLine(error.message) : String(error);
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
