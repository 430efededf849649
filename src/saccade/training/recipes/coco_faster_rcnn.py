"""Faster R-CNN with a feature pyramid on COCO as in the DAS paper.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Sections 4 and 4.2 and Table 2.
Command: saccade train coco-faster-rcnn --data DIR --output DIR --gate das --set
    pretrained=runs/warm-up/last.safetensors after coco-faster-rcnn-warm-up with the same gate; --set
    pretrained=published for a backbone without a warm start
Cost: 12 epochs of 117,000 images; about half a day on eight GPUs. Not run here.
Expected: printed, single runs, AP: ResNet-50 36.4, ResNet-101 38.5, SE 37.7, CBAM 39.3, Triplet 39.3, DAS 39.7.
Deviation: torchvision's detector in place of MMDetection's; the length and the falls at 8 and 11 epochs are those of
the standard schedule of that toolbox, since the paper names none; all stages learn, batch norms of the backbone do not.
"""

from saccade.training.recipe import IMAGENET_MEAN, IMAGENET_STD, Recipe
from saccade.training.recipes.registry import recipes

COCO_FASTER_RCNN = recipes.register("coco-faster-rcnn")(
    Recipe(
        name="coco-faster-rcnn",
        task="detection",
        data="coco",
        loading="files",
        workers=16,
        network="resnet50",
        detector="faster_rcnn",
        classes=80,
        image_size=800,
        longer_side=1333,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        epochs=12,
        batch=16,
        learning_rate=0.02,
        weight_decay=1e-4,
        schedule="steps",
        milestones=(8, 11),
        factor=0.1,
        paper="Salajegheh et al. 2023, arXiv 2311.12091, Section 4.2 and Table 2",
        cost="12 epochs of 117,000 images: half a day on eight GPUs",
        expected="printed: AP 36.4 for ResNet-50, 39.7 with DAS, from single runs",
        contenders=("none", "se", "cbam", "triplet", "das"),
    )
)
