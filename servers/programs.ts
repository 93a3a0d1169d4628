// The two server programs that a local stack needs: which versions, under which names, and how each is obtained.

export type ServerName = 'temporal' | 'minio';

export interface ServerProgram {
  readonly name: ServerName;
  /** Environment variable that names the program's path. */
  readonly variable: string;
  /** What `go install` builds. */
  readonly goPackage: string;
  /** Oldest Go that can build it: major, minor. */
  readonly go: readonly [number, number];
  /** What is wanted, in words, for messages. */
  readonly wanted: string;
  /** Whether the output of `--version` is that of a version that will do. */
  readonly accepts: (versionText: string) => boolean;
  /** Address of the released program for a system, or null where there is none. */
  readonly download: (platform: string, arch: string) => Download | null;
}

export interface Download {
  readonly url: string;
  /** The program itself, or a gzipped tar with the program at its top. */
  readonly kind: 'program' | 'tar.gz';
}

const ARCH: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export const SERVER_PROGRAMS: Readonly<Record<ServerName, ServerProgram>> = {
  temporal: {
    name: 'temporal',
    variable: 'ASSAY_TEMPORAL',
    goPackage: 'github.com/temporalio/cli/cmd/temporal@v1.5.1',
    go: [1, 25],
    wanted: 'Temporal CLI 1.5 with server 1.28 or newer',
    accepts: (text) => {
      const found = /\(Server (\d+)\.(\d+)/.exec(text);
      return found !== null && atLeast([Number(found[1]), Number(found[2])], [1, 28]);
    },
    download: (platform, arch) => {
      const cpu = ARCH[arch];
      if (cpu === undefined || !['linux', 'darwin'].includes(platform)) return null;
      const file = `temporal_cli_1.5.1_${platform}_${cpu}.tar.gz`;
      const folder = 'https://github.com/temporalio/cli/releases/download/v1.5.1';
      return { url: `${folder}/${file}`, kind: 'tar.gz' };
    },
  },
  minio: {
    name: 'minio',
    variable: 'ASSAY_MINIO',
    goPackage: 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c',
    go: [1, 25],
    wanted: 'MinIO of 2024-12 or newer (conditional writes)',
    accepts: (text) => {
      if (/^minio version DEVELOPMENT\.GOGET/m.test(text)) return true;
      const found = /^minio version RELEASE\.(\d{4})-(\d{2})/m.exec(text);
      return found !== null && atLeast([Number(found[1]), Number(found[2])], [2024, 12]);
    },
    download: (platform, arch) => {
      const cpu = ARCH[arch];
      if (cpu === undefined || !['linux', 'darwin'].includes(platform)) return null;
      const folder = `https://dl.min.io/server/minio/release/${platform}-${cpu}/archive`;
      return { url: `${folder}/minio.RELEASE.2025-09-07T16-13-09Z`, kind: 'program' };
    },
  },
};

/** Whether version `found` is not older than `least`; parts compared from the left. */
export function atLeast(found: readonly number[], least: readonly number[]): boolean {
  for (const [i, part] of least.entries()) {
    const have = found[i] ?? 0;
    if (have !== part) return have > part;
  }
  return true;
}
