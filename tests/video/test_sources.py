"""Opening what a user names, and refusing what cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from saccade.errors import SourceError
from saccade.video import open_source


def test_file_gives_every_frame_with_index_time_and_pixels(make_video):
    with open_source(str(make_video(frames=20))) as source:
        assert (source.frames_expected, source.frame_rate, source.size) == (20, 10.0, (48, 64))
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(20))
    assert [round(frame.time, 3) for frame in frames] == [index / 10 for index in range(20)]
    assert all(frame.rgb.shape == (48, 64, 3) and frame.rgb.dtype == np.uint8 for frame in frames)
    assert source.truncated is None


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi"])
def test_whole_file_of_any_container_is_not_called_truncated(make_video, name):
    with open_source(str(make_video(name))) as source:
        assert len(list(source)) == 20
    assert source.truncated is None


def test_file_with_a_webcam_index_as_its_name_is_read_as_a_file(make_video, tmp_path, monkeypatch):
    make_video().rename(tmp_path / "0")
    monkeypatch.chdir(tmp_path)
    with open_source("0") as source:
        assert len(list(source)) == 20


def test_video_cut_in_two_is_read_up_to_the_break_and_says_so(make_video):
    whole = make_video(frames=60, movflags="faststart")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with open_source(str(whole)) as source:
        count = len(list(source))
    assert 5 < count < 60
    assert "truncated" in source.truncated
    assert f"after {count} of 60 frames" in source.truncated
    assert str(whole) in source.truncated


@pytest.mark.parametrize("name", ["clip.avi", "clip.ts"])
def test_video_without_a_leading_index_cut_in_two_says_so(make_video, name):
    whole = make_video(name, frames=80)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 5])
    with open_source(str(whole)) as source:
        count = len(list(source))
    assert 0 < count < 80
    if name.endswith(".avi"):  # a transport stream carries no word on its length
        assert "truncated" in source.truncated


def test_video_with_damaged_packets_is_read_past_them(make_video):
    path = make_video(frames=60)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 400] = bytes(400)
    path.write_bytes(content)
    with open_source(str(path)) as source:
        frames = list(source)
    assert len(frames) > 30


def test_missing_source_is_named_with_what_was_expected():
    with pytest.raises(SourceError, match=r"no video at 'nowhere\.mp4'.*video file, a folder of images"):
        open_source("nowhere.mp4")


def test_a_source_without_a_name_is_refused_and_not_the_current_folder(tmp_path, monkeypatch):
    Image.new("RGB", (8, 6)).save(tmp_path / "0.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="no source was named: expected a video file"):
        open_source("")


def test_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(SourceError, match=r"empty\.mp4' is empty \(0 bytes\)"):
        open_source(str(path))


def test_text_file_is_refused_as_not_a_video(tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_text("not a video at all\n" * 40)
    with pytest.raises(SourceError, match="not a video that can be read"):
        open_source(str(path))


def test_video_cut_off_before_its_index_is_refused(make_video):
    path = make_video(frames=40)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SourceError, match="may be cut off before its index"):
        open_source(str(path))


def test_folder_is_read_in_the_order_of_names(tmp_path):
    for level, name in ((30, "c.png"), (10, "a.bmp"), (20, "b.webp")):
        Image.new("RGB", (8, 6), (level, level, level)).save(tmp_path / name, lossless=True)
    (tmp_path / "notes.txt").write_text("passed over")
    with open_source(str(tmp_path), frame_rate=5) as source:
        frames = list(source)
        assert (source.frames_expected, source.size, source.frame_rate) == (3, (6, 8), 5)
    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == [10, 20, 30]
    assert [frame.time for frame in frames] == [0.0, 0.2, 0.4]


def test_folder_whose_images_change_size_passes_them_through(tmp_path):
    for index, size in enumerate([(8, 6), (12, 10)]):
        Image.new("L", size).save(tmp_path / f"{index}.png")
    with open_source(str(tmp_path)) as source:
        assert [frame.rgb.shape for frame in source] == [(6, 8, 3), (10, 12, 3)]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_images_of_a_folder_are_turned_upright(tmp_path, suffix):
    quarter_turn = Image.Exif()
    quarter_turn[ExifTags.Base.Orientation] = 6
    picture = Image.new("RGB", (32, 16), (0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 8, 16))
    picture.save(tmp_path / f"0{suffix}", exif=quarter_turn)
    with open_source(str(tmp_path)) as source:
        assert source.size == (32, 16)
        (frame,) = source
    assert frame.rgb.shape == (32, 16, 3)
    assert frame.rgb[2].min() > 200 > 50 > frame.rgb[-2].max()


def test_an_image_with_damaged_exif_data_is_read_as_it_lies(tmp_path):
    damaged = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"
    Image.new("RGB", (8, 6)).save(tmp_path / "0.jpg", exif=damaged)
    with open_source(str(tmp_path)) as source:
        assert [frame.rgb.shape for frame in source] == [(6, 8, 3)]
    assert source.truncated is None


def test_an_image_too_large_to_be_an_image_is_left_out(tmp_path, monkeypatch):
    Image.new("RGB", (8, 6)).save(tmp_path / "0.png")
    Image.new("RGB", (80, 60)).save(tmp_path / "1.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with open_source(str(tmp_path)) as source:
        assert len(list(source)) == 1
    assert "1.png" in source.truncated


def test_folder_without_images_is_refused(tmp_path):
    with pytest.raises(SourceError, match="holds no image"):
        open_source(str(tmp_path))


def test_folder_with_a_broken_image_is_read_without_it_and_says_so(tmp_path):
    for name in ("0.png", "2.png"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    (tmp_path / "1.png").write_bytes(b"broken")
    with open_source(str(tmp_path), frame_rate=5) as source:
        assert [(frame.index, frame.time) for frame in source] == [(0, 0.0), (2, 0.4)]
    assert "1 of the 3 images" in source.truncated
    assert "1.png" in source.truncated


def test_folder_whose_first_image_is_broken_is_read_and_one_of_broken_images_refused(tmp_path):
    (tmp_path / "0.png").write_bytes(b"broken")
    with pytest.raises(SourceError, match="none of the 1 images"):
        open_source(str(tmp_path))
    Image.new("RGB", (8, 6)).save(tmp_path / "1.png")
    with open_source(str(tmp_path)) as source:
        assert source.size == (6, 8)
        assert [frame.index for frame in source] == [1]


def test_missing_webcam_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="webcam 9"):
        open_source("9")


def test_real_clip_is_read_whole(shared_data: Path):
    with open_source(str(shared_data / "data/video/asl-sister.mkv")) as source:
        count = sum(1 for _ in source)
    assert count == 87
    assert source.truncated is None
