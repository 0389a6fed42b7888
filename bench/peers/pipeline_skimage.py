"""pipeline_skimage.py – the peer of `cyto5 run`, ingest to lineage: tifffile and h5py take the frames in, scikit-image and SciPy outline the cells
by the same rule as the method `phase` and measure them, LapTrack links them and finds divisions; masks and tables go to HDF5.

    python pipeline_skimage.py FOLDER OUT.h5 PROCESSES

Frames are shared out among PROCESSES processes, which write nothing. Prints the seconds of each step and of all, imports left out."""
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import h5py
import numpy as np
import pandas as pd
import tifffile
from laptrack import LapTrack
from scipy import ndimage as ndi
from skimage import measure, morphology, segmentation
from skimage.feature import peak_local_max

RADIUS, LOW, HIGH, CLOSING, HALO, HOLE, AREA, EXCESS = 4, 1.5, 7, 4, 5, 1500, 300, 3  # the settings of the method
PROPERTIES = ("label", "area", "centroid", "bbox", "perimeter", "axis_major_length", "axis_minor_length", "eccentricity", "orientation", "solidity",
              "extent", "equivalent_diameter_area", "intensity_mean", "intensity_min", "intensity_max")
STACK = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def segment(frame):
    grey = frame.astype(np.float32)
    medium = np.median(grey)
    grey = np.clip((grey - medium) / (1.4826 * np.median(np.abs(grey - medium))), -15, 15)
    mean = ndi.uniform_filter(grey, 2 * RADIUS + 1)
    rough = np.sqrt(np.maximum(ndi.uniform_filter(grey * grey, 2 * RADIUS + 1) - mean * mean, 0))
    mask = ndi.distance_transform_edt(rough <= LOW) <= CLOSING              # dilated by a disc
    mask = ndi.distance_transform_edt(mask) > CLOSING + EXCESS              # eroded by a larger one
    pieces = measure.label(mask)
    strong = np.zeros(pieces.max() + 1, bool)
    strong[pieces[rough > HIGH]] = True
    strong[0] = False
    mask = morphology.remove_small_holes(strong[pieces], max_size=HOLE)
    smooth = ndi.gaussian_filter(grey, 1)
    halo = (smooth > 2) & mask & (ndi.distance_transform_edt(mask) <= HALO)
    edge = halo & ndi.binary_dilation(~mask, np.ones((3, 3), bool))
    mask &= ~ndi.binary_propagation(edge, mask=halo)
    mask = morphology.remove_small_holes(morphology.opening(mask, morphology.disk(2)), max_size=HOLE)
    depth = ndi.distance_transform_edt(mask)
    at = peak_local_max(ndi.gaussian_filter(depth, 3), min_distance=20, labels=measure.label(mask))
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(at.T)] = np.arange(1, len(at) + 1)
    labels = segmentation.watershed(-depth, markers, mask=mask)
    labels = morphology.remove_small_objects(labels, max_size=AREA - 1)
    return segmentation.relabel_sequential(labels)[0].astype(np.uint16)


def measured(job):
    t, labels, frame = job
    table = pd.DataFrame(measure.regionprops_table(labels, frame, properties=PROPERTIES))
    table.insert(0, "frame", t)
    return table


def store(f, name, table):
    f.create_dataset(name, data=table.reset_index(drop=True).to_records(index=False), compression="gzip", compression_opts=1)


def main():
    folder, out, processes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    pool = ProcessPoolExecutor(processes) if processes > 1 else None
    over = (lambda call, jobs: list(pool.map(call, jobs))) if pool else (lambda call, jobs: list(map(call, jobs)))
    if pool:
        over(abs, range(processes))  # started before the clock
    seconds, begin = {}, time.perf_counter()

    def lap(step):
        nonlocal begin
        now = time.perf_counter()
        seconds[step], begin = now - begin, now

    files = sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith((".tif", ".tiff")))
    with h5py.File(out, "w", libver=("v110", "v110")) as f:
        frames = np.stack([tifffile.imread(name) for name in files])
        f.create_dataset("raw", data=frames, chunks=(1,) + frames.shape[1:], **STACK)
        lap("ingest")
        masks = np.stack(over(segment, frames))
        f.create_dataset("masks", data=masks, chunks=(1,) + masks.shape[1:], **STACK)
        lap("segment")
        objects = pd.concat(over(measured, [(t, masks[t], frames[t]) for t in range(len(frames))]), ignore_index=True)
        store(f, "objects", objects)
        lap("objects")
        tracker = LapTrack(cutoff=40 ** 2, gap_closing_cutoff=40 ** 2, gap_closing_max_frame_count=2, splitting_cutoff=40 ** 2)
        tracked, splits, _ = tracker.predict_dataframe(objects, coordinate_cols=["centroid-0", "centroid-1"], frame_col="frame",
                                                       only_coordinate_cols=False)
        store(f, "tracks", tracked.reset_index(drop=True)[["frame", "label", "track_id", "tree_id"]])
        if len(splits):
            store(f, "splits", splits)
        lap("track")
    fd = os.open(out, os.O_RDWR)
    os.fsync(fd)
    os.close(fd)
    lap("close")
    print(json.dumps({"seconds": sum(seconds.values()), "steps": seconds}))


if __name__ == "__main__":
    main()
