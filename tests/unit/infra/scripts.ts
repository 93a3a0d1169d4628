// The plain Node scripts of infra/ with the types that the tests need.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../../runtime/package-root.js';

interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

interface Scripts {
  readonly 'tables.mjs': {
    readonly marksOf: (page: string) => string[];
    readonly rewrite: (page: string, texts: ReadonlyMap<string, string>) => string;
    readonly wordsOf: (command: string) => string[];
    readonly speedsTable: (kept: readonly object[]) => string;
    readonly scaleTable: (kept: readonly object[]) => string;
    readonly scaleModel: (kept: readonly object[]) => string;
  };
  readonly 'quality-tables.mjs': {
    readonly verdictOf: (ours: readonly number[], theirs: readonly number[]) => 'better' | 'worse' | null;
    readonly qualityTable: (results: object | null, metric: 'fvu' | 'deltaCe') => string;
    readonly qualityVerdict: (results: object | null) => string;
    readonly secondsTo: (results: object, peer: string, of: { k: number; seed: number }) => object;
    readonly stepTable: (kept: readonly object[]) => string;
    readonly QUALITY_MARKS: Readonly<Record<string, (results: object | null) => string>>;
  };
  readonly 'lock.mjs': {
    readonly withLock: <T>(
      name: string,
      body: () => Promise<T>,
      options: { folder: string; pollMs?: number },
    ) => Promise<T>;
  };
  readonly 'bundle.mjs': {
    readonly removeUnused: (folder: string, made: readonly string[], nowMs?: number) => Promise<void>;
  };
  readonly 'processes.mjs': {
    readonly startOf: (pid: number) => string | null;
  };
  readonly 'arguments.mjs': {
    readonly readArguments: (args: readonly string[], usage: Usage) => Given;
  };
  readonly 'told.mjs': {
    readonly wrapped: (text: string, options?: { columns?: number; indent?: string }) => string;
    readonly isStoreNote: (line: string) => boolean;
    readonly step: <T>(name: string, body: () => Promise<T>, say: (line: string) => void) => Promise<T>;
  };
  readonly 'servers/obtain.mjs': {
    readonly progressLine: (name: string, packages: number, seconds: number) => string;
  };
  readonly 'prove.mjs': { readonly PROOFS: Readonly<Record<string, { readonly does: string }>> };
  readonly 'demo.mjs': {
    readonly STEPS: readonly { readonly args: readonly string[]; readonly stdout: string }[];
    readonly assay: (args: readonly string[], options: { stdout?: string }) => Promise<number>;
  };
  readonly 'bench.mjs': { readonly ROWS: Readonly<Record<string, readonly string[]>> };
  readonly 'setup.mjs': {
    readonly checkNode: (version: string) => void;
    readonly packagesMatch: (root: string) => Promise<boolean>;
  };
  readonly 'test.mjs': {
    readonly countTests: (report: TestReport, exitCode: number | string) => Counts;
  };
  readonly 'servers/download.mjs': {
    readonly downloadProgram: (source: { url: string; kind: string }, file: string) => Promise<void>;
  };
}

interface Usage {
  readonly command: string;
  readonly does: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly names?: Readonly<Record<string, string>> | null;
}

interface Given {
  readonly help?: string;
  readonly mistake?: string;
  readonly names?: readonly string[];
  readonly flags?: Readonly<Record<string, string | true>>;
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly files: number;
}

/** Path of a script under infra/. */
export function scriptPath(name: string): string {
  return path.join(packageRoot(), 'infra', name);
}

export async function loadScript<Name extends keyof Scripts>(name: Name): Promise<Scripts[Name]> {
  return (await import(pathToFileURL(scriptPath(name)).href)) as Scripts[Name];
}
