// The workflows as workers load them, bundled from their sources.
import path from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { packageRoot } from '../../runtime/package-root.js';

export function bundleSources(): Promise<{ code: string }> {
  return bundleWorkflowCode({
    workflowsPath: path.join(packageRoot(), 'workflows', 'index.ts'),
    logger: new DefaultLogger('ERROR'),
    webpackConfigHook: (config) => ({
      ...config,
      resolve: { ...config.resolve, extensionAlias: { '.js': ['.ts', '.js'] } },
    }),
  });
}
