/** Labels of containers that mean something to us. */
export const label = {
  /** `live`: the registry that users push to; `readonly`: a stand-in. */
  role: 'registry-cleanup.role',
  /** On what a run created: its id. */
  run: 'registry-cleanup.run',
} as const;

/** Labels that Compose gives (docker/compose, `pkg/api/labels.go`). */
export const composeLabel = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  oneOff: 'com.docker.compose.oneoff',
  directory: 'com.docker.compose.project.working_dir',
  files: 'com.docker.compose.project.config_files',
} as const;
