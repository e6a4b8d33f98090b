/*
 * Tags of real repositories, as Dockerfiles, charts and guides in public source repositories name them.
 */

/** quay.io/jupyter/scipy-notebook and docker.io/jupyter/base-notebook (jupyter/docker-stacks). */
export const DOCKER_STACKS: readonly string[] = [
  "2021-08-16",
  "2024-01-05",
  "2024-03-14",
  "2024-03-18",
  "2024-12-09",
  "2025-03-14",
  "2026-02-19",
  "2026-07-28",
  "2026-08-10",
  "hub-1.5.0",
  "hub-5.2.1",
  "hub-6.0.1",
  "lab-3.1.12",
  "lab-4.0.7",
  "lab-4.5.3",
  "latest",
  "python-3.11",
  "x86_64-0d324bc0b38c",
  "x86_64-lab-3.5.1",
  "x86_64-python-3.11.6",
  "x86_64-ubuntu-22.04",
];

/** docker.io/pangeo/pangeo-notebook (pangeo-data/pangeo-docker-images). */
export const PANGEO: readonly string[] = [
  "2019.12.04",
  "2021.05.15",
  "2021.09.08",
  "2022.05.10",
  "2023.06.07",
  "2023.06.20",
  "2024.04.05",
  "2024.04.08",
  "2024.06.02",
  "2026.01.30",
  "latest",
];

/** docker.io/rapidsai/notebooks and nvcr.io/nvidia/rapidsai/notebooks; `a` marks nightly builds. */
export const RAPIDS: readonly string[] = [
  "23.10-cuda12.0-py3.10",
  "24.04",
  "24.04-cuda12.2-py3.11",
  "24.06a-cuda11.8-py3.11",
  "24.08-cuda11.8-py3.9",
  "24.10a-cuda12.5-py3.11",
  "24.12-cuda12.5-py3.12",
  "25.04-cuda12.0-py3.12",
  "25.04-cuda12.8-py3.12",
  "25.06-cuda12.8-py3.12",
  "26.06-cuda13",
];

/** gitlab-registry.cern.ch/swan/docker-images (CERN SWAN): systemuser, notebook, jupyter/swan-cern, jupyterhub. */
export const SWAN: readonly string[] = ["v0.0.22", "v1.9", "v3.10", "v3.23", "v4.0", "v5.0.2", "v5.1.1", "v7.1.0"];

/** quay.io/2i2c: images that are tagged by commit. */
export const COMMITS: readonly string[] = ["0d0765090250", "55adca9b2caa", "67523d9ea855", "bbe4225a7940", "latest"];

/** quay.io/jupyterhub/k8s-singleuser-sample (zero-to-jupyterhub-k8s). */
export const Z2JH: readonly string[] = ["0.9.0", "2.0.0", "3.2.1", "3.3.7", "4.1.0", "4.3.0", "4.3.2"];
