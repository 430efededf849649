"""The few epochs of backbone and detector together that come before coco-faster-rcnn.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Section 4: "We mitigated noise by initial training of the backbone,
training both the backbone and the rest of the model for a few epochs."
Command: saccade train coco-faster-rcnn-warm-up --data DIR --output runs/warm-up --gate das
Cost: 3 epochs of 117,000 images; 3 hours on eight GPUs. Not run here.
Expected: weights for coco-faster-rcnn; the paper prints nothing of them.
Deviation: "a few" is 3 here. The backbone begins with torchvision's weights for ImageNet-1k, the gates as their
options say; give --set pretrained=FILE for a backbone that was trained with its gate by imagenet-resnet.
"""

from saccade.training.networks import PUBLISHED
from saccade.training.recipes.coco_faster_rcnn import COCO_FASTER_RCNN
from saccade.training.recipes.registry import recipes

COCO_FASTER_RCNN_WARM_UP = recipes.register("coco-faster-rcnn-warm-up")(
    COCO_FASTER_RCNN.replace(
        name="coco-faster-rcnn-warm-up",
        pretrained=PUBLISHED,
        epochs=3,
        schedule="cosine",
        warm_up=0.05,
        milestones=(),
        cost="3 epochs of 117,000 images: hours on eight GPUs",
        expected="weights for coco-faster-rcnn",
    )
)
