"""Track people in a video with ByteTrack of the package trackers; draw ids.

pip install 'supervision>=0.29'; pip install --no-deps trackers
python examples/track_video.py film.mp4 CHECKPOINT work_dirs/tracks
"""

import argparse
from itertools import tee

import supervision as sv
from trackers import ByteTrackTracker

from poet_mm.apis import POETInferencer, to_supervision
from poet_mm.apis.result_folder import ResultFolder
from poet_mm.apis.video import Video


def draw(frame, skeletons, tracked, links):
    """Return a frame (h, w, 3) with skeletons, boxes and ids.

    The colour of a person is that of the id.
    """
    for person, number in zip(tracked.data['person'], tracked.tracker_id):
        color = sv.ColorPalette.DEFAULT.by_idx(number)
        edges = sv.EdgeAnnotator(color, edges=links)
        frame = edges.annotate(frame, skeletons[[person]])
    by_id = dict(color_lookup=sv.ColorLookup.TRACK)
    frame = sv.BoxAnnotator(thickness=1, **by_id).annotate(frame, tracked)
    labels = [f'#{number}' for number in tracked.tracker_id]
    labeller = sv.LabelAnnotator(smart_position=True, **by_id)
    return labeller.annotate(frame, tracked, labels)


def track(inferencer, video, sink):
    """Yield the sample and the drawn frame (h, w, 3), RGB, of each frame.

    People with the lowest score of the model begin a track; ByteTrack
    continues one also with lower scores, from 0.1.

    Args:
        inferencer (POETInferencer): Finds the people.
        video (Video): The frames.
        sink (sv.CSVSink): Takes a row for each tracked person.
    """
    tracker = ByteTrackTracker(
        frame_rate=video.fps,
        track_activation_threshold=inferencer.score_thr,
        high_conf_det_threshold=inferencer.score_thr,
    )
    # supervision counts keypoints from 1
    links = inferencer.model.dataset_meta['skeleton_links']
    links = [(start + 1, end + 1) for start, end in links]
    frames, inputs = tee(video)
    results = inferencer(inputs, return_datasamples=True, score_thr=0.1)
    for frame, result in zip(frames, results):
        (sample,) = result['predictions']
        skeletons, detections = to_supervision(sample)
        # Two queries may find the same person.
        tracked = tracker.update(detections.with_nms(0.7))
        drawn = frame[..., ::-1].copy()  # RGB
        tracked = tracked[tracked.tracker_id >= 0]  # -1: not yet a track
        sink.append(tracked, dict(frame=sample.img_id))  # at least the header
        if len(tracked):
            drawn = draw(drawn, skeletons, tracked, links)
            ids = sorted(tracked.tracker_id.tolist())
            print(f'frame {sample.img_id}: ids {ids}')
        yield sample, drawn
    video.check_end()


def main(argv=None):
    """Track the people of a video, and write it with a gallery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('video')
    parser.add_argument('checkpoint', help='file, or name of the zoo')
    parser.add_argument(
        'out', help='folder for video, gallery.html and tracks.csv'
    )
    parser.add_argument('--config', help='default: that of the checkpoint')
    args = parser.parse_args(argv)
    inferencer = POETInferencer(args.config, args.checkpoint)
    results = ResultFolder(args.out, f'Tracks in {args.video}')
    video = Video(args.video)
    with sv.CSVSink(f'{args.out}/tracks.csv') as sink:
        tracks = track(inferencer, video, sink)
        results.add_video(video, video.fps, tracks)
    results.close()


if __name__ == '__main__':
    main()
